# SPDX-License-Identifier: Apache-2.0
"""Virtual private networks."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    SECRET,
    UPDATE,
    allowed,
    boolean,
    by_name,
    check,
    deprecated,
    hidden,
    integer,
    items,
    list_attr,
    map_attr,
    moved,
    record,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

IKEPOLICY = ResourceType(
    name="OS::Neutron::IKEPolicy",
    description="How VPN peers exchange keys.",
    service="neutron",
    entity="ikepolicy",
    extension="vpnaas",
    properties={
        "auth_algorithm": string(
            "Auth algorithm.", UPDATE, allowed("sha1", "sha256", "sha384", "sha512"), default="sha1"
        ),
        "description": string("Text for people.", UPDATE),
        "encryption_algorithm": string(
            "Encryption algorithm.",
            UPDATE,
            allowed("3des", "aes-128", "aes-192", "aes-256"),
            default="aes-128",
        ),
        "ike_version": string("IKE version.", UPDATE, allowed("v1", "v2"), default="v1"),
        "lifetime": record(
            "Lifetime.",
            {
                "units": string("Units.", allowed("seconds", "kilobytes"), default="seconds"),
                "value": integer("Its value.", default=3600),
            },
            UPDATE,
        ),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "pfs": string("PFS.", UPDATE, allowed("group2", "group5", "group14"), default="group5"),
        "phase1_negotiation_mode": string("Phase1 negotiation mode.", allowed("main"), default="main"),
    },
    attributes={
        "auth_algorithm": string_attr("Auth algorithm."),
        "description": string_attr("Its description."),
        "encryption_algorithm": string_attr("Encryption algorithm."),
        "ike_version": string_attr("IKE version."),
        "lifetime": map_attr("Lifetime."),
        "name": string_attr("Its name."),
        "pfs": string_attr("PFS."),
        "phase1_negotiation_mode": string_attr("Phase1 negotiation mode."),
        "tenant_id": string_attr("Id of the project that owns it."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


IPSEC_POLICY = ResourceType(
    name="OS::Neutron::IPsecPolicy",
    description="How VPN traffic is encrypted.",
    service="neutron",
    entity="ipsecpolicy",
    extension="vpnaas",
    properties={
        "auth_algorithm": string("Auth algorithm.", allowed("sha1"), default="sha1"),
        "description": string("Text for people.", UPDATE),
        "encapsulation_mode": string("Encapsulation mode.", allowed("tunnel", "transport"), default="tunnel"),
        "encryption_algorithm": string(
            "Encryption algorithm.", allowed("3des", "aes-128", "aes-192", "aes-256"), default="aes-128"
        ),
        "lifetime": record(
            "Lifetime.",
            {
                "units": string("Units.", allowed("seconds", "kilobytes"), default="seconds"),
                "value": integer("Its value.", default=3600),
            },
        ),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "pfs": string("PFS.", allowed("group2", "group5", "group14"), default="group5"),
        "transform_protocol": string("Transform protocol.", allowed("esp", "ah", "ah-esp"), default="esp"),
    },
    attributes={
        "auth_algorithm": string_attr("Auth algorithm."),
        "description": string_attr("Its description."),
        "encapsulation_mode": string_attr("Encapsulation mode."),
        "encryption_algorithm": string_attr("Encryption algorithm."),
        "lifetime": map_attr("Lifetime."),
        "name": string_attr("Its name."),
        "pfs": string_attr("PFS."),
        "tenant_id": string_attr("Id of the project that owns it."),
        "transform_protocol": string_attr("Transform protocol."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


IPSEC_SITE_CONNECTION = ResourceType(
    name="OS::Neutron::IPsecSiteConnection",
    description="A VPN connection to one peer site.",
    service="neutron",
    entity="ipsec_site_connection",
    extension="vpnaas",
    properties={
        "admin_state_up": boolean("Whether it is administratively up.", UPDATE, default=True),
        "description": string("Text for people.", UPDATE),
        "dpd": record(
            "DPD.",
            {
                "actions": string(
                    "The actions in which it takes part.",
                    allowed("clear", "disabled", "hold", "restart", "restart-by-peer"),
                    default="hold",
                ),
                "interval": integer("Interval.", default=30),
                "timeout": integer("How long to wait, in seconds.", default=120),
            },
        ),
        "ikepolicy_id": string("Id of the IKE policy.", REQUIRED),
        "initiator": string(
            "Initiator.", allowed("bi-directional", "response-only"), default="bi-directional"
        ),
        "ipsecpolicy_id": string("Id of the IPsec policy.", REQUIRED),
        "mtu": integer("MTU.", default=1500),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "peer_address": string("Peer address.", REQUIRED),
        "peer_cidrs": items("Peer cidrs.", REQUIRED, of=string("", check("net_cidr"))),
        "peer_id": string("Id of the peer.", REQUIRED),
        "psk": string("PSK.", REQUIRED, SECRET),
        "vpnservice_id": string("Id of the VPN service.", REQUIRED),
    },
    attributes={
        "admin_state_up": string_attr("Admin state up."),
        "auth_mode": string_attr("Auth mode."),
        "description": string_attr("Its description."),
        "dpd": map_attr("DPD."),
        "ikepolicy_id": string_attr("Id of the IKE policy."),
        "initiator": string_attr("Initiator."),
        "ipsecpolicy_id": string_attr("Id of the IPsec policy."),
        "mtu": string_attr("MTU."),
        "name": string_attr("Its name."),
        "peer_address": string_attr("Peer address."),
        "peer_cidrs": list_attr("Peer cidrs."),
        "peer_id": string_attr("Id of the peer."),
        "psk": string_attr("PSK."),
        "route_mode": string_attr("Route mode."),
        "status": string_attr("Its state."),
        "tenant_id": string_attr("Id of the project that owns it."),
        "vpnservice_id": string_attr("Id of the VPN service."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


VPNSERVICE = ResourceType(
    name="OS::Neutron::VPNService",
    description="A VPN end point on a router.",
    service="neutron",
    entity="vpnservice",
    extension="vpnaas",
    properties={
        "admin_state_up": boolean("Whether it is administratively up.", UPDATE, default=True),
        "description": string("Text for people.", UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "router": string("Router, by name or id.", REQUIRED, check("neutron.router"), since("2015.1")),
        "router_id": string(
            "Older spelling of router.",
            check("neutron.router"),
            hidden("6.0.0", deprecated("2015.1", since("2013.2"))),
        ),
        "subnet": string("Subnet, by name or id.", REQUIRED, check("neutron.subnet"), since("2014.2")),
        "subnet_id": string(
            "Older spelling of subnet.", check("neutron.subnet"), hidden("5.0.0", deprecated("2014.2"))
        ),
    },
    attributes={
        "admin_state_up": string_attr("Admin state up."),
        "description": string_attr("Its description."),
        "name": string_attr("Its name."),
        "router_id": string_attr("Id of the router."),
        "status": string_attr("Its state."),
        "subnet_id": string_attr("Id of the subnet."),
        "tenant_id": string_attr("Id of the project that owns it."),
    },
    translation=(
        moved("subnet", "subnet_id"),
        by_name("subnet", "neutron.subnet"),
        moved("router", "router_id"),
        by_name("router", "neutron.router"),
    ),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


TYPES = (
    IKEPOLICY,
    IPSEC_POLICY,
    IPSEC_SITE_CONNECTION,
    VPNSERVICE,
)
