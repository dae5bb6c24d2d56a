# SPDX-License-Identifier: Apache-2.0
"""Servers."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    SECRET,
    UNCACHED,
    UPDATE,
    allowed,
    any_attr,
    at_least,
    boolean,
    by_name,
    check,
    deprecated,
    hidden,
    integer,
    items,
    length,
    list_attr,
    map_attr,
    mapping,
    moved_beside,
    record,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import SUPPORTED, ResourceType

SERVER = ResourceType(
    name="OS::Nova::Server",
    description="A server.",
    service="nova",
    entity="servers",
    properties={
        "admin_pass": string("Password of the administrator inside the server.", UPDATE, SECRET),
        "admin_user": string(
            "Has no effect any more.", hidden("5.0.0", deprecated("2014.1", since("2013.2")))
        ),
        "availability_zone": string("Availability zone."),
        "block_device_mapping": records(
            "Volumes attached from the start, in the older form.",
            {
                "delete_on_termination": boolean("Whether to delete on termination."),
                "device_name": string("Device name.", REQUIRED),
                "snapshot_id": string("Snapshot, by id.", check("cinder.snapshot")),
                "volume_id": string("Volume, by id.", check("cinder.volume")),
                "volume_size": integer("Size in gigabytes."),
            },
        ),
        "block_device_mapping_v2": records(
            "Disks: from images, volumes, snapshots, or empty.",
            {
                "boot_index": integer("Boot index."),
                "delete_on_termination": boolean("Whether to delete on termination."),
                "device_name": string("Device name."),
                "device_type": string("Device type.", allowed("cdrom", "disk")),
                "disk_bus": string("Disk bus.", allowed("ide", "lame_bus", "sata", "scsi", "usb", "virtio")),
                "ephemeral_format": string(
                    "Ephemeral format.", allowed("ext2", "ext3", "ext4", "xfs", "ntfs"), since("8.0.0")
                ),
                "ephemeral_size": integer("Ephemeral size.", at_least(1), since("8.0.0")),
                "image": string("Image, by name or id.", check("glance.image"), since("7.0.0")),
                "image_id": string(
                    "Id of the image.",
                    check("glance.image"),
                    hidden("9.0.0", deprecated("7.0.0", since("5.0.0"))),
                ),
                "snapshot_id": string("Snapshot, by id.", check("cinder.snapshot")),
                "swap_size": integer("Swap size."),
                "volume_id": string("Volume, by id.", check("cinder.volume")),
                "volume_size": integer("Size in gigabytes."),
                "volume_type": string("Volume type, by name or id.", check("cinder.vtype"), since("26.0.0")),
            },
            since("2015.1"),
        ),
        "config_drive": boolean("Whether user data and metadata also come on a drive."),
        "deployment_swift_data": record(
            "Names for the object that carries the server's metadata.",
            {
                "container": string("Container of the object.", length(1)),
                "object": string("Name of the object.", length(1)),
            },
            UPDATE,
            since("9.0.0"),
            default={},
        ),
        "diskConfig": string("Whether the disk is partitioned for the flavor.", allowed("AUTO", "MANUAL")),
        "flavor": string("Flavor, by name or id.", REQUIRED, UPDATE, check("nova.flavor")),
        "flavor_update_policy": string(
            "What a change of the flavor does.", UPDATE, allowed("RESIZE", "REPLACE"), default="RESIZE"
        ),
        "image": string(
            "Image, by name or id; none when it starts from a volume.", UPDATE, check("glance.image")
        ),
        "image_update_policy": string(
            "What a change of the image does.",
            UPDATE,
            allowed("REBUILD", "REPLACE", "REBUILD_PRESERVE_EPHEMERAL"),
            default="REBUILD",
        ),
        "key_name": string("Key pair, by name.", check("nova.keypair")),
        "metadata": mapping("Keys and values kept with the server.", UPDATE, default={}),
        "name": string("Name of the server.", UPDATE),
        "networks": records(
            "Interfaces of the server, in order.",
            {
                "allocate_network": string(
                    "none: no interface; auto: a network made for the project.",
                    UPDATE,
                    allowed("none", "auto"),
                    since("9.0.0"),
                ),
                "fixed_ip": string("Address wanted.", check("ip_addr")),
                "floating_ip": string("Floating IP that leads to the interface, by id.", since("6.0.0")),
                "network": string("Network, by name or id.", check("neutron.network")),
                "port": string("Port that exists already, by name or id.", check("neutron.port")),
                "port_extra_properties": record(
                    "Properties of a port made for the interface.",
                    {
                        "admin_state_up": boolean("Whether it is administratively up.", UPDATE, default=True),
                        "allowed_address_pairs": records(
                            "More addresses that traffic may come from.",
                            {
                                "ip_address": string("IP address.", REQUIRED, check("ip_or_cidr")),
                                "mac_address": string("MAC address.", check("mac_addr")),
                            },
                            UPDATE,
                        ),
                        "binding:vnic_type": string(
                            "Binding vnic type.",
                            UPDATE,
                            allowed(
                                "normal",
                                "direct",
                                "macvtap",
                                "direct-physical",
                                "baremetal",
                                "virtio-forwarder",
                                "smart-nic",
                            ),
                            since("2015.1"),
                            default="normal",
                        ),
                        "mac_address": string("MAC address.", check("mac_addr")),
                        "no_fixed_ips": boolean(
                            "No fixed IPs: true or false.", UPDATE, since("16.0.0"), default=False
                        ),
                        "port_security_enabled": boolean(
                            "Whether spoofed addresses are stopped and security groups apply.",
                            UPDATE,
                            since("5.0.0"),
                        ),
                        "propagate_uplink_status": boolean(
                            "Propagate uplink status: true or false.", UPDATE, since("15.0.0")
                        ),
                        "qos_policy": string(
                            "QoS policy, by name or id.", UPDATE, check("neutron.qos_policy"), since("6.0.0")
                        ),
                        "value_specs": mapping(
                            "More fields sent to the service as they are.", UPDATE, default={}
                        ),
                    },
                    UPDATE,
                    since("6.0.0"),
                ),
                "subnet": string("Subnet to take an address from, by name or id.", since("5.0.0")),
                "tag": string("Tag of the interface in the server's metadata.", since("9.0.0")),
                "uuid": string(
                    "Older spelling of network.",
                    check("neutron.network"),
                    hidden("5.0.0", deprecated("2014.1")),
                ),
            },
            UPDATE,
        ),
        "personality": mapping(
            "Files put into the server before it starts.", deprecated("12.0.0"), default={}
        ),
        "reservation_id": string("Id of a group of servers made in one request."),
        "scheduler_hints": mapping("Hints for the scheduler, such as a server group."),
        "security_groups": items("Security groups of interfaces on networks, by name or id.", default=[]),
        "software_config_transport": string(
            "How the server learns of software deployments.",
            UPDATE,
            allowed("POLL_SERVER_CFN", "POLL_SERVER_HEAT", "POLL_TEMP_URL", "ZAQAR_MESSAGE"),
            default="POLL_SERVER_CFN",
        ),
        "tags": items("Tags of the server.", UPDATE, since("8.0.0"), of=string()),
        "user_data": string(
            "User data for cloud-init, or the id of a software configuration.", UPDATE, default=""
        ),
        "user_data_format": string(
            "How user data are packed: RAW as they are.",
            allowed("HEAT_CFNTOOLS", "RAW", "SOFTWARE_CONFIG"),
            default="HEAT_CFNTOOLS",
        ),
        "user_data_update_policy": string(
            "What a change of the user data does.",
            UPDATE,
            allowed("REPLACE", "IGNORE", "REBUILD"),
            since("6.0.0"),
            default="REPLACE",
        ),
    },
    attributes={
        "accessIPv4": string_attr("Address for access over IPv4.", deprecated("14.0.0", since("2015.1"))),
        "accessIPv6": string_attr("Address for access over IPv6.", deprecated("14.0.0", since("2015.1"))),
        "addresses": map_attr(
            "Addresses by network, each with its port and floating IP.", since("11.0.0", SUPPORTED)
        ),
        "console_urls": map_attr("URLs of its consoles, by type.", since("2015.1")),
        "first_address": any_attr(
            "Its first address.", hidden("5.0.0", deprecated("2014.2", since("2013.2")))
        ),
        "instance_name": string_attr("Name of the instance on its host."),
        "name": string_attr("Name of the server."),
        "networks": map_attr("Addresses by network, by name and by id."),
        "os_collect_config": map_attr("Configuration of the collecting agent.", UNCACHED, since("9.0.0")),
        "tags": list_attr("Its tags.", since("8.0.0")),
    },
    translation=(
        moved_beside("networks.network", "uuid"),
        by_name("flavor", "nova.flavor"),
        by_name("image", "glance.image"),
        moved_beside("block_device_mapping_v2.image", "image_id"),
        by_name("block_device_mapping_v2.image", "glance.image"),
        by_name("networks.network", "neutron.network"),
        by_name("networks.subnet", "neutron.subnet"),
        by_name("networks.port", "neutron.port"),
    ),
    handlers=frozenset(
        {"check", "suspend", "resume", "snapshot", "delete_snapshot", "restore", "snapshot_delete"}
    ),
    name_limit=53,
    stack_user=True,
    implicit_dependencies=True,
    observe_reality=True,
    may_survive_create_failed=True,
    prepares_for_replace=True,
)


TYPES = (SERVER,)
