# SPDX-License-Identifier: Apache-2.0
"""Volumes and their attachments."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UNCACHED,
    UPDATE,
    at_least,
    boolean,
    boolean_attr,
    check,
    deprecated,
    hidden,
    integer,
    list_attr,
    map_attr,
    mapping,
    moved,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

VOLUME = ResourceType(
    name="OS::Cinder::Volume",
    description="A block storage volume, empty or from an image, a snapshot, a backup or another volume.",
    service="cinder",
    entity="volumes",
    properties={
        "availability_zone": string("Availability zone."),
        "backup_id": string("Id of the backup.", UPDATE, check("cinder.backup")),
        "description": string("Text for people.", UPDATE),
        "image": string("Image, by name or id.", check("glance.image")),
        "imageRef": string("Image ref.", hidden("5.0.0", deprecated("2014.1"))),
        "metadata": mapping("Keys and values kept with the object.", UPDATE, default={}),
        "multiattach": boolean("Whether it is multiattach.", hidden("13.0.0", since("6.0.0")), default=False),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "read_only": boolean("Read only: true or false.", UPDATE, since("5.0.0")),
        "scheduler_hints": mapping("Scheduler hints.", since("2015.1")),
        "size": integer("Size in gigabytes.", UPDATE, at_least(1)),
        "snapshot_id": string("Snapshot, by id.", check("cinder.snapshot")),
        "source_volid": string("Source volid.", check("cinder.volume")),
        "volume_type": string("Volume type, by name or id.", UPDATE, check("cinder.vtype")),
    },
    attributes={
        "attachments": string_attr("Attachments.", UNCACHED, deprecated("9.0.0", since("2015.1"))),
        "attachments_list": list_attr("Attachments list.", UNCACHED, since("9.0.0")),
        "availability_zone": string_attr("Availability zone."),
        "bootable": string_attr("Bootable."),
        "created_at": string_attr("Created at."),
        "display_description": string_attr("Display description."),
        "display_name": string_attr("Display name."),
        "encrypted": string_attr("Encrypted."),
        "metadata": string_attr("Metadata."),
        "metadata_values": map_attr("Metadata values."),
        "multiattach": boolean_attr("Whether it is multiattach.", since("6.0.0")),
        "size": string_attr("Size."),
        "snapshot_id": string_attr("Id of the snapshot."),
        "source_volid": string_attr("Source volid."),
        "status": string_attr("Its state.", UNCACHED),
        "volume_type": string_attr("Volume type."),
    },
    translation=(moved("image", "imageRef"),),
    handlers=frozenset({"check", "snapshot", "delete_snapshot", "restore", "snapshot_delete"}),
    observe_reality=True,
    may_survive_create_failed=True,
)


VOLUME_ATTACHMENT = ResourceType(
    name="OS::Cinder::VolumeAttachment",
    description="Attaches a volume to a server.",
    service="cinder",
    properties={
        "instance_uuid": string("Instance uuid.", REQUIRED, UPDATE),
        "mountpoint": string("Mountpoint.", UPDATE),
        "volume_id": string("Volume, by id.", REQUIRED, UPDATE, check("cinder.volume")),
    },
)


TYPES = (
    VOLUME,
    VOLUME_ATTACHMENT,
)
