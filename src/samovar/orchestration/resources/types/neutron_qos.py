# SPDX-License-Identifier: Apache-2.0
"""Quality of service."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    at_least,
    boolean,
    check,
    integer,
    list_attr,
    since,
    string,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

QO_SBANDWIDTH_LIMIT_RULE = ResourceType(
    name="OS::Neutron::QoSBandwidthLimitRule",
    description="Limits the bandwidth of ports and networks with a QoS policy.",
    support=since("6.0.0"),
    service="neutron",
    entity="bandwidth_limit_rule",
    extension="qos",
    properties={
        "direction": string(
            "ingress or egress.", UPDATE, allowed("egress", "ingress"), since("13.0.0"), default="egress"
        ),
        "max_burst_kbps": integer("Largest burst kilobit/s.", UPDATE, at_least(0), default=0),
        "max_kbps": integer("Largest kilobit/s.", REQUIRED, UPDATE, at_least(0)),
        "policy": string("Policy.", REQUIRED, check("neutron.qos_policy")),
        "tenant_id": string("The project that owns it; administrators only."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


QO_SDSCP_MARKING_RULE = ResourceType(
    name="OS::Neutron::QoSDscpMarkingRule",
    description="Marks the traffic of ports and networks with a QoS policy.",
    support=since("7.0.0"),
    service="neutron",
    entity="dscp_marking_rule",
    extension="qos",
    properties={
        "dscp_mark": integer(
            "Dscp mark.",
            REQUIRED,
            UPDATE,
            allowed(0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 46, 48, 56),
        ),
        "policy": string("Policy.", REQUIRED, check("neutron.qos_policy")),
        "tenant_id": string("The project that owns it; administrators only."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


QO_SMINIMUM_BANDWIDTH_RULE = ResourceType(
    name="OS::Neutron::QoSMinimumBandwidthRule",
    description="Guarantees bandwidth to ports with a QoS policy.",
    support=since("14.0.0"),
    service="neutron",
    entity="minimum_bandwidth_rule",
    extension="qos-bw-minimum-ingress",
    properties={
        "direction": string("ingress or egress.", UPDATE, allowed("egress", "ingress"), default="egress"),
        "min_kbps": integer("Smallest kilobit/s.", REQUIRED, UPDATE, at_least(0)),
        "policy": string("Policy.", REQUIRED, check("neutron.qos_policy")),
        "tenant_id": string("The project that owns it; administrators only."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


QO_SMINIMUM_PACKET_RATE_RULE = ResourceType(
    name="OS::Neutron::QoSMinimumPacketRateRule",
    description="Guarantees a packet rate to ports with a QoS policy.",
    support=since("19.0.0"),
    service="neutron",
    entity="minimum_packet_rate_rule",
    extension="qos-pps-minimum",
    properties={
        "direction": string(
            "ingress or egress.", UPDATE, allowed("any", "egress", "ingress"), default="egress"
        ),
        "min_kpps": integer("Smallest kpps.", REQUIRED, UPDATE, at_least(0)),
        "policy": string("Policy.", REQUIRED, check("neutron.qos_policy")),
        "tenant_id": string("The project that owns it; administrators only."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


QO_SPOLICY = ResourceType(
    name="OS::Neutron::QoSPolicy",
    description="A set of QoS rules for ports and networks.",
    support=since("6.0.0"),
    service="neutron",
    entity="qos_policy",
    extension="qos",
    properties={
        "description": string("Text for people.", UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "shared": boolean("Whether other projects may use it.", UPDATE, default=False),
        "tenant_id": string("The project that owns it; administrators only."),
    },
    attributes={
        "rules": list_attr("Rules."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


TYPES = (
    QO_SBANDWIDTH_LIMIT_RULE,
    QO_SDSCP_MARKING_RULE,
    QO_SMINIMUM_BANDWIDTH_RULE,
    QO_SMINIMUM_PACKET_RATE_RULE,
    QO_SPOLICY,
)
