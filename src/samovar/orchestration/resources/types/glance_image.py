# SPDX-License-Identifier: Apache-2.0
"""Images."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    at_least,
    boolean,
    integer,
    items,
    mapping,
    pattern,
    since,
    string,
)
from samovar.orchestration.resources.schema import ResourceType

WEB_IMAGE = ResourceType(
    name="OS::Glance::WebImage",
    description="An image that the image service fetches from a URL.",
    support=since("12.0.0"),
    service="glance",
    entity="images",
    properties={
        "active": boolean("Whether the image may be used.", UPDATE, since("16.0.0"), default=True),
        "architecture": string("Processor architecture.", UPDATE),
        "container_format": string(
            "Format of the wrapping.", REQUIRED, allowed("ami", "ari", "aki", "bare", "ovf", "ova", "docker")
        ),
        "disk_format": string(
            "Format of the disk.",
            REQUIRED,
            allowed("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"),
        ),
        "extra_properties": mapping("More properties of the image.", UPDATE, since("17.0.0"), default={}),
        "id": string("Its id; made up when left out."),
        "kernel_id": string(
            "Id of the kernel image.",
            UPDATE,
            pattern(
                r"^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
            ),
        ),
        "location": string("URL the image is fetched from.", REQUIRED),
        "members": items("Projects that a shared image is offered to.", UPDATE, since("16.0.0"), of=string()),
        "min_disk": integer("Disk needed in gigabytes.", at_least(0), default=0),
        "min_ram": integer("Memory needed in megabytes.", at_least(0), default=0),
        "name": string("Name of the image."),
        "os_distro": string("Distribution.", UPDATE),
        "os_version": string("Version of the distribution.", UPDATE),
        "owner": string("Project that owns it.", UPDATE),
        "protected": boolean("Whether it is safe from deletion.", UPDATE, default=False),
        "ramdisk_id": string(
            "Id of the ramdisk image.",
            UPDATE,
            pattern(
                r"^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
            ),
        ),
        "tags": items("Tags of the image.", UPDATE),
        "visibility": string(
            "Who may see it.", UPDATE, allowed("public", "private", "community", "shared"), default="private"
        ),
    },
    observe_reality=True,
)


TYPES = (WEB_IMAGE,)
