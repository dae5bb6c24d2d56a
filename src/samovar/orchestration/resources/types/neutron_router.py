# SPDX-License-Identifier: Apache-2.0
"""Routers, their interfaces and routes."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    appended,
    boolean,
    by_name,
    check,
    deprecated,
    dropped,
    hidden,
    items,
    map_attr,
    mapping,
    moved,
    record,
    records,
    since,
    string,
    string_attr,
    unsupported,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

EXTRA_ROUTE = ResourceType(
    name="OS::Neutron::ExtraRoute",
    description="One static route of a router.",
    support=unsupported(),
    service="neutron",
    extension="extraroute",
    properties={
        "destination": string("Network the route leads to.", REQUIRED),
        "nexthop": string("Address of the next hop.", REQUIRED),
        "router_id": string("Older spelling of router.", REQUIRED, check("neutron.router")),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    implicit_dependencies=True,
    observe_reality=True,
    may_survive_create_failed=True,
)


EXTRA_ROUTE_SET = ResourceType(
    name="OS::Neutron::ExtraRouteSet",
    description="A set of static routes of a router.",
    support=since("14.0.0"),
    service="neutron",
    extension="extraroute-atomic",
    properties={
        "router": string("Router, by name or id.", REQUIRED, check("neutron.router")),
        "routes": records(
            "Routes.",
            {
                "destination": string("Network the route leads to.", REQUIRED, check("net_cidr")),
                "nexthop": string("Address of the next hop.", REQUIRED, check("ip_addr")),
            },
            UPDATE,
            default=[],
        ),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    implicit_dependencies=True,
    observe_reality=True,
    may_survive_create_failed=True,
)


ROUTER = ResourceType(
    name="OS::Neutron::Router",
    description="A router between networks, with a way to the outside.",
    service="neutron",
    entity="router",
    extension="router",
    properties={
        "admin_state_up": boolean("Whether it is administratively up.", UPDATE, default=True),
        "availability_zone_hints": items("Availability zones to prefer.", UPDATE, since("19.0.0")),
        "distributed": boolean(
            "Whether it is spread over the compute hosts; administrators only.", since("2015.1")
        ),
        "external_gateway_info": record(
            "The external network the router leads to.",
            {
                "enable_snat": boolean("Whether traffic leaves with the router's address.", UPDATE),
                "external_fixed_ips": records(
                    "Addresses of the router on the external network.",
                    {
                        "ip_address": string("The address wanted.", check("ip_addr")),
                        "subnet": string(
                            "Subnet to take an address from, by name or id.", check("neutron.subnet")
                        ),
                    },
                    UPDATE,
                    since("6.0.0"),
                ),
                "network": string("External network, by name or id.", REQUIRED, UPDATE),
            },
            UPDATE,
        ),
        "ha": boolean("Whether it has a stand-by; administrators only.", since("2015.1")),
        "l3_agent_id": string(
            "Older spelling of l3_agent_ids.", UPDATE, hidden("6.0.0", deprecated("2015.1", since("2014.1")))
        ),
        "l3_agent_ids": items(
            "L3 agents that run the router; administrators only.", UPDATE, since("2015.1"), of=string()
        ),
        "name": string("Name of the router.", UPDATE),
        "tags": items("Tags of the object.", UPDATE, since("9.0.0"), of=string()),
        "tenant_id": string("The project that owns it; administrators only.", since("24.0.0")),
        "value_specs": mapping("More fields sent to the service as they are.", UPDATE, default={}),
    },
    attributes={
        "admin_state_up": string_attr("Whether the router is administratively up."),
        "external_gateway_info": map_attr("Its gateway."),
        "name": string_attr("Name of the router."),
        "status": string_attr("Its state."),
        "tenant_id": string_attr("Id of the project that owns it."),
    },
    translation=(
        by_name("external_gateway_info.network", "neutron.network"),
        by_name("external_gateway_info.external_fixed_ips.subnet", "neutron.subnet"),
        appended("l3_agent_ids", "l3_agent_id"),
        dropped("l3_agent_id"),
    ),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    implicit_dependencies=True,
    observe_reality=True,
    may_survive_create_failed=True,
)


ROUTER_GATEWAY = ResourceType(
    name="OS::Neutron::RouterGateway",
    description="Connects a router to an external network.",
    support=hidden("5.0.0", deprecated("2014.1")),
    service="neutron",
    properties={
        "network": string("Network, by name or id.", check("neutron.network")),
        "network_id": string(
            "Older spelling of network.", check("neutron.network"), hidden("9.0.0", deprecated("2014.2"))
        ),
        "router_id": string("Older spelling of router.", REQUIRED, check("neutron.router")),
    },
    translation=(
        moved("network", "network_id"),
        by_name("network", "neutron.network"),
    ),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    implicit_dependencies=True,
    observe_reality=True,
    may_survive_create_failed=True,
)


ROUTER_INTERFACE = ResourceType(
    name="OS::Neutron::RouterInterface",
    description="Connects a router to a subnet.",
    service="neutron",
    extension="router",
    properties={
        "port": string(
            "Port that becomes the interface, by name or id; this or a subnet.",
            check("neutron.port"),
            since("2015.1"),
        ),
        "port_id": string(
            "Older spelling of port.",
            check("neutron.port"),
            hidden("6.0.0", deprecated("2015.1", since("2014.1"))),
        ),
        "router": string("Router, by name or id.", REQUIRED, check("neutron.router")),
        "router_id": string(
            "Older spelling of router.",
            check("neutron.router"),
            hidden("6.0.0", deprecated("2015.1", since("2013.1"))),
        ),
        "subnet": string("Subnet to connect, by name or id; this or a port.", check("neutron.subnet")),
        "subnet_id": string(
            "Older spelling of subnet.", check("neutron.subnet"), hidden("5.0.0", deprecated("2014.2"))
        ),
    },
    translation=(
        moved("port", "port_id"),
        moved("router", "router_id"),
        moved("subnet", "subnet_id"),
        by_name("port", "neutron.port"),
        by_name("router", "neutron.router"),
        by_name("subnet", "neutron.subnet"),
    ),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


TYPES = (
    EXTRA_ROUTE,
    EXTRA_ROUTE_SET,
    ROUTER,
    ROUTER_GATEWAY,
    ROUTER_INTERFACE,
)
