# SPDX-License-Identifier: Apache-2.0
"""Alarms."""

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
    integer,
    items,
    length,
    mapping,
    number,
    record,
    records,
    since,
    string,
)
from samovar.orchestration.resources.schema import ResourceType

COMPOSITE_RULE = record(
    "Composite rule.",
    {
        "operator": string("Operator.", REQUIRED, UPDATE, allowed("or", "and")),
        "rules": items("Rules.", REQUIRED, UPDATE, length(2)),
    },
    REQUIRED,
    UPDATE,
)
QUERY = records(
    "Query that selects.",
    {
        "field": string("Field."),
        "op": string("Operator.", allowed("le", "ge", "eq", "lt", "gt", "ne")),
        "type": string(
            "Its type.", allowed("integer", "float", "string", "boolean", "datetime"), default="string"
        ),
        "value": string("Its value."),
    },
    UPDATE,
)
QUERY_2 = records(
    "Query that selects.",
    {
        "field": string("Field."),
        "op": string("Operator.", allowed("le", "ge", "eq", "lt", "gt", "ne")),
        "type": string(
            "Its type.",
            allowed("integer", "float", "string", "boolean", "datetime"),
            since("8.0.0"),
            default="string",
        ),
        "value": string("Its value."),
    },
    UPDATE,
    since("2015.1"),
)
TIME_CONSTRAINTS = records(
    "The times in which the alarm is evaluated.",
    {
        "description": string("Text for people."),
        "duration": integer("Length in seconds.", REQUIRED, at_least(0)),
        "name": string("Name; made from the stack and resource names when it is left out.", REQUIRED),
        "start": string("Where it starts.", REQUIRED, check("cron_expression")),
        "timezone": string("Time zone of the start.", check("timezone")),
    },
    since("5.0.0"),
    default=[],
)
ANY_ALARM = {
    "alarm_actions": items("URLs called when the alarm goes off.", UPDATE),
    "alarm_queues": items(
        "Message queues told when the alarm goes off.",
        UPDATE,
        since("8.0.0"),
        of=string("", check("zaqar.queue")),
        default=[],
    ),
    "description": string("Text for people.", UPDATE),
    "enabled": boolean("Whether it is in effect.", UPDATE, default="true"),
    "insufficient_data_actions": items("URLs called when there are no data for the alarm.", UPDATE),
    "insufficient_data_queues": items(
        "Message queues told when there are no data for the alarm.",
        UPDATE,
        since("8.0.0"),
        of=string("", check("zaqar.queue")),
        default=[],
    ),
    "ok_actions": items("URLs called when the alarm returns to ok.", UPDATE),
    "ok_queues": items(
        "Message queues told when the alarm returns to ok.",
        UPDATE,
        since("8.0.0"),
        of=string("", check("zaqar.queue")),
        default=[],
    ),
    "repeat_actions": boolean("Whether actions repeat as long as the state lasts.", UPDATE, default="true"),
    "severity": string(
        "How serious the alarm is.",
        UPDATE,
        allowed("low", "moderate", "critical"),
        since("5.0.0"),
        default="low",
    ),
    "time_constraints": TIME_CONSTRAINTS,
}

ALARM = ResourceType(
    name="OS::Aodh::Alarm",
    description="An alarm on the statistics of a meter; superseded by the Gnocchi alarms.",
    support=deprecated("10.0.0", since("2014.1")),
    service="aodh",
    entity="alarm",
    properties={
        **ANY_ALARM,
        "comparison_operator": string(
            "How the value is compared with the threshold.",
            UPDATE,
            allowed("le", "ge", "eq", "lt", "gt", "ne"),
        ),
        "evaluation_periods": integer("Number of periods to compare.", UPDATE),
        "matching_metadata": mapping("Matching metadata.", UPDATE, default={}),
        "meter_name": string("Meter name.", REQUIRED),
        "period": integer("Period.", UPDATE),
        "query": QUERY_2,
        "statistic": string("Statistic.", UPDATE, allowed("count", "avg", "sum", "min", "max")),
        "threshold": number("The value it is compared with.", REQUIRED, UPDATE),
    },
    handlers=frozenset({"check", "suspend", "resume"}),
    observe_reality=True,
)


COMPOSITE_ALARM = ResourceType(
    name="OS::Aodh::CompositeAlarm",
    description="An alarm on a combination of conditions.",
    support=since("8.0.0"),
    service="aodh",
    entity="alarm",
    properties={
        **ANY_ALARM,
        "composite_rule": COMPOSITE_RULE,
    },
    handlers=frozenset({"check", "suspend", "resume"}),
)


EVENT_ALARM = ResourceType(
    name="OS::Aodh::EventAlarm",
    description="An alarm on an event.",
    support=since("8.0.0"),
    service="aodh",
    entity="alarm",
    properties={
        **ANY_ALARM,
        "event_type": string("Event type.", UPDATE, default="*"),
        "query": QUERY,
    },
    handlers=frozenset({"check", "suspend", "resume"}),
)


LBMEMBER_HEALTH_ALARM = ResourceType(
    name="OS::Aodh::LBMemberHealthAlarm",
    description="An alarm on the health of the members of a load balancer pool.",
    support=since("13.0.0"),
    service="aodh",
    entity="alarm",
    properties={
        **ANY_ALARM,
        "autoscaling_group_id": string("Id of the autoscaling group.", REQUIRED, UPDATE),
        "pool": string("Pool, by name or id.", REQUIRED, UPDATE),
        "stack": string("Stack.", REQUIRED),
    },
    translation=(by_name("pool", "octavia.pool"),),
    handlers=frozenset({"check", "suspend", "resume"}),
)


PROMETHEUS_ALARM = ResourceType(
    name="OS::Aodh::PrometheusAlarm",
    description="An alarm on a Prometheus query.",
    support=since("22.0.0"),
    service="aodh",
    entity="alarm",
    properties={
        **ANY_ALARM,
        "comparison_operator": string(
            "How the value is compared with the threshold.",
            UPDATE,
            allowed("le", "ge", "eq", "lt", "gt", "ne"),
        ),
        "query": string("Query that selects.", REQUIRED, UPDATE),
        "threshold": number("The value it is compared with.", REQUIRED, UPDATE),
    },
    handlers=frozenset({"check", "suspend", "resume"}),
    observe_reality=True,
)


TYPES = (
    ALARM,
    COMPOSITE_ALARM,
    EVENT_ALARM,
    LBMEMBER_HEALTH_ALARM,
    PROMETHEUS_ALARM,
)
