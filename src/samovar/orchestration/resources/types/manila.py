# SPDX-License-Identifier: Apache-2.0
"""Shared file systems."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    SECRET,
    UPDATE,
    allowed,
    boolean,
    by_name,
    check,
    hidden,
    integer,
    items,
    list_attr,
    mapping,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

SECURITY_SERVICE = ResourceType(
    name="OS::Manila::SecurityService",
    description="A directory service that authenticates the users of shares.",
    support=since("5.0.0"),
    service="manila",
    entity="security_services",
    properties={
        "description": string("Text for people.", UPDATE),
        "dns_ip": string("DNS IP.", UPDATE),
        "domain": string("Domain, by name or id.", UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "password": string("Password.", UPDATE, SECRET),
        "server": string("Server, by id.", UPDATE),
        "type": string("Its type.", REQUIRED, allowed("ldap", "kerberos", "active_directory")),
        "user": string("User, by name or id.", UPDATE),
    },
)


SHARE = ResourceType(
    name="OS::Manila::Share",
    description="A shared file system.",
    support=since("5.0.0"),
    service="manila",
    entity="shares",
    properties={
        "access_rules": records(
            "Access rules.",
            {
                "access_level": string("Access level.", allowed("ro", "rw")),
                "access_to": string("Access to.", REQUIRED),
                "access_type": string("Access type.", REQUIRED, allowed("ip", "user", "cert", "cephx")),
            },
            UPDATE,
            default=[],
        ),
        "description": string("Text for people.", UPDATE),
        "is_public": boolean("Whether every project may use it.", UPDATE, default=False),
        "metadata": mapping("Keys and values kept with the object.", UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "share_network": string("Share network.", check("manila.share_network")),
        "share_protocol": string(
            "Share protocol.", REQUIRED, allowed("NFS", "CIFS", "GlusterFS", "HDFS", "CEPHFS")
        ),
        "share_type": string("Share type.", check("manila.share_type")),
        "size": integer("Size in gigabytes.", REQUIRED),
        "snapshot": string("Snapshot.", check("manila.share_snapshot")),
    },
    attributes={
        "availability_zone": string_attr("Availability zone."),
        "created_at": string_attr("Created at."),
        "export_locations": list_attr("Export locations."),
        "host": string_attr("Host."),
        "project_id": string_attr("Id of the project."),
        "share_server_id": string_attr("Id of the share server."),
        "status": string_attr("Its state."),
    },
    handlers=frozenset({"check"}),
    observe_reality=True,
)


SHARE_NETWORK = ResourceType(
    name="OS::Manila::ShareNetwork",
    description="The network that shares are reached on.",
    support=since("5.0.0"),
    service="manila",
    entity="share_networks",
    properties={
        "description": string("Text for people.", UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "neutron_network": string("Neutron network.", UPDATE, check("neutron.network")),
        "neutron_subnet": string("Neutron subnet.", UPDATE, check("neutron.subnet")),
        "nova_network": string("Nova network.", UPDATE, hidden("21.0.0")),
        "security_services": items("Security services.", UPDATE, of=string(), default=[]),
    },
    attributes={
        "cidr": string_attr("CIDR."),
        "ip_version": string_attr("IP version."),
        "network_type": string_attr("Network type."),
        "segmentation_id": string_attr("Id of the segmentation."),
    },
    translation=(
        by_name("neutron_network", "neutron.network"),
        by_name("neutron_subnet", "neutron.subnet"),
    ),
    observe_reality=True,
)


SHARE_TYPE = ResourceType(
    name="OS::Manila::ShareType",
    description="A type of shares.",
    support=since("5.0.0"),
    service="manila",
    entity="share_types",
    properties={
        "driver_handles_share_servers": boolean("Driver handles share servers: true or false.", REQUIRED),
        "extra_specs": mapping("Extra specs.", UPDATE),
        "is_public": boolean("Whether every project may use it.", default=True),
        "name": string("Name; made from the stack and resource names when it is left out.", REQUIRED),
        "snapshot_support": boolean("Snapshot support: true or false.", since("6.0.0"), default=True),
    },
    observe_reality=True,
)


TYPES = (
    SECURITY_SERVICE,
    SHARE,
    SHARE_NETWORK,
    SHARE_TYPE,
)
