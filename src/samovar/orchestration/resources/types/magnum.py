# SPDX-License-Identifier: Apache-2.0
"""Container clusters."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    at_least,
    boolean,
    by_name,
    check,
    deprecated,
    dropped,
    hidden,
    integer,
    integer_attr,
    list_attr,
    mapping,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

BAY_MODEL = ResourceType(
    name="OS::Magnum::BayModel",
    description="Older name of OS::Magnum::ClusterTemplate.",
    support=hidden("11.0.0", deprecated("9.0.0", since("5.0.0"), substitute="OS::Magnum::ClusterTemplate")),
    service="magnum",
    entity="cluster_templates",
    properties={
        "coe": string("Coe.", REQUIRED, allowed("kubernetes", "swarm", "mesos")),
        "dns_nameserver": string("DNS nameserver.", check("ip_addr")),
        "docker_storage_driver": string(
            "Docker storage driver.", allowed("devicemapper", "overlay"), default="devicemapper"
        ),
        "docker_volume_size": integer("Docker volume size.", at_least(1)),
        "external_network": string("External network.", REQUIRED, check("neutron.network")),
        "fixed_network": string("Fixed network.", check("neutron.network")),
        "fixed_subnet": string("Fixed subnet.", check("neutron.subnet")),
        "flavor": string("Flavor, by name or id.", check("nova.flavor")),
        "floating_ip_enabled": boolean("Whether floating IP is on.", default=True),
        "http_proxy": string("HTTP proxy."),
        "https_proxy": string("Https proxy."),
        "image": string("Image, by name or id.", REQUIRED, check("glance.image")),
        "keypair": string("Key pair, by name.", check("nova.keypair")),
        "labels": mapping("Labels."),
        "master_flavor": string("Master flavor.", check("nova.flavor")),
        "master_lb_enabled": boolean("Whether master lb is on.", default=True),
        "name": string("Name; made from the stack and resource names when it is left out."),
        "network_driver": string("Network driver."),
        "no_proxy": string("No proxy."),
        "public": boolean("Whether it is public.", UPDATE, default=False),
        "registry_enabled": boolean("Whether registry is on.", default=False),
        "server_type": string("Server type.", allowed("vm", "bm"), default="vm"),
        "tls_disabled": boolean("TLS disabled: true or false.", default=False),
        "volume_driver": string("Volume driver.", allowed("cinder", "rexray")),
    },
    translation=(dropped("ssh_authorized_key"),),
)


CLUSTER = ResourceType(
    name="OS::Magnum::Cluster",
    description="A container cluster.",
    support=since("9.0.0"),
    service="magnum",
    entity="clusters",
    properties={
        "cluster_template": string("Cluster template.", REQUIRED, check("magnum.cluster_template")),
        "create_timeout": integer("Create timeout.", UPDATE, at_least(0), default=60),
        "discovery_url": string("Discovery URL.", UPDATE),
        "keypair": string("Key pair, by name.", check("nova.keypair")),
        "master_count": integer("Master count.", UPDATE, at_least(1), default=1),
        "name": string("Name; made from the stack and resource names when it is left out."),
        "node_count": integer("Node count.", UPDATE, at_least(1), default=1),
    },
    attributes={
        "api_address": string_attr("API address."),
        "cluster_template_id": string_attr("Id of the cluster template."),
        "coe_version": string_attr("Coe version."),
        "container_version": string_attr("Container version."),
        "create_timeout": integer_attr("Create timeout."),
        "discovery_url": string_attr("Discovery URL."),
        "keypair": string_attr("Keypair."),
        "master_addresses": list_attr("Master addresses."),
        "master_count": integer_attr("Master count."),
        "name": string_attr("Its name."),
        "node_addresses": list_attr("Node addresses."),
        "node_count": integer_attr("Node count."),
        "stack_id": string_attr("Id of the stack."),
        "status": string_attr("Its state."),
        "status_reason": string_attr("Status reason."),
    },
    translation=(by_name("cluster_template", "magnum.cluster_template"),),
)


CLUSTER_TEMPLATE = ResourceType(
    name="OS::Magnum::ClusterTemplate",
    description="What container clusters are made from.",
    support=since("9.0.0"),
    service="magnum",
    entity="cluster_templates",
    properties={
        "coe": string("Coe.", REQUIRED, allowed("kubernetes", "swarm", "mesos")),
        "dns_nameserver": string("DNS nameserver.", check("ip_addr")),
        "docker_storage_driver": string(
            "Docker storage driver.", allowed("devicemapper", "overlay"), default="devicemapper"
        ),
        "docker_volume_size": integer("Docker volume size.", at_least(1)),
        "external_network": string("External network.", REQUIRED, check("neutron.network")),
        "fixed_network": string("Fixed network.", check("neutron.network")),
        "fixed_subnet": string("Fixed subnet.", check("neutron.subnet")),
        "flavor": string("Flavor, by name or id.", check("nova.flavor")),
        "floating_ip_enabled": boolean("Whether floating IP is on.", default=True),
        "http_proxy": string("HTTP proxy."),
        "https_proxy": string("Https proxy."),
        "image": string("Image, by name or id.", REQUIRED, check("glance.image")),
        "keypair": string("Key pair, by name.", check("nova.keypair")),
        "labels": mapping("Labels."),
        "master_flavor": string("Master flavor.", check("nova.flavor")),
        "master_lb_enabled": boolean("Whether master lb is on.", default=True),
        "name": string("Name; made from the stack and resource names when it is left out."),
        "network_driver": string("Network driver."),
        "no_proxy": string("No proxy."),
        "public": boolean("Whether it is public.", UPDATE, default=False),
        "registry_enabled": boolean("Whether registry is on.", default=False),
        "server_type": string("Server type.", allowed("vm", "bm"), default="vm"),
        "tls_disabled": boolean("TLS disabled: true or false.", default=False),
        "volume_driver": string("Volume driver.", allowed("cinder", "rexray")),
    },
    translation=(
        by_name("external_network", "neutron.network"),
        by_name("fixed_network", "neutron.network"),
        by_name("fixed_subnet", "neutron.subnet"),
    ),
)


TYPES = (
    BAY_MODEL,
    CLUSTER,
    CLUSTER_TEMPLATE,
)
