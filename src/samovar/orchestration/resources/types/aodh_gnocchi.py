# SPDX-License-Identifier: Apache-2.0
"""Alarms on metrics of Gnocchi."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    at_least,
    boolean,
    check,
    integer,
    items,
    number,
    records,
    since,
    string,
)
from samovar.orchestration.resources.schema import ResourceType

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
    "aggregation_method": string("How values are aggregated.", UPDATE),
    "alarm_actions": items("URLs called when the alarm goes off.", UPDATE),
    "alarm_queues": items(
        "Message queues told when the alarm goes off.",
        UPDATE,
        since("8.0.0"),
        of=string("", check("zaqar.queue")),
        default=[],
    ),
    "comparison_operator": string(
        "How the value is compared with the threshold.", UPDATE, allowed("le", "ge", "eq", "lt", "gt", "ne")
    ),
    "description": string("Text for people.", UPDATE),
    "enabled": boolean("Whether it is in effect.", UPDATE, default="true"),
    "evaluation_periods": integer("Number of periods to compare.", UPDATE),
    "granularity": integer("Length of one period in seconds.", UPDATE),
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
    "threshold": number("The value it is compared with.", REQUIRED, UPDATE),
    "time_constraints": TIME_CONSTRAINTS,
}

GNOCCHI_AGGREGATION_BY_METRICS_ALARM = ResourceType(
    name="OS::Aodh::GnocchiAggregationByMetricsAlarm",
    description="An alarm on an aggregation of chosen metrics.",
    support=since("2015.1"),
    service="aodh",
    entity="alarm",
    properties={
        **ANY_ALARM,
        "metrics": items("The metrics.", REQUIRED, UPDATE),
    },
    handlers=frozenset({"check", "suspend", "resume"}),
    observe_reality=True,
)


GNOCCHI_AGGREGATION_BY_RESOURCES_ALARM = ResourceType(
    name="OS::Aodh::GnocchiAggregationByResourcesAlarm",
    description="An alarm on an aggregation of one metric over resources that a query selects.",
    support=since("2015.1"),
    service="aodh",
    entity="alarm",
    properties={
        **ANY_ALARM,
        "metric": string("The metric.", REQUIRED, UPDATE),
        "query": string("Query that selects.", REQUIRED, UPDATE),
        "resource_type": string("Type of the resources.", REQUIRED, UPDATE),
    },
    handlers=frozenset({"check", "suspend", "resume"}),
    observe_reality=True,
)


GNOCCHI_RESOURCES_ALARM = ResourceType(
    name="OS::Aodh::GnocchiResourcesAlarm",
    description="An alarm on a metric of one resource.",
    support=since("2015.1"),
    service="aodh",
    entity="alarm",
    properties={
        **ANY_ALARM,
        "metric": string("The metric.", REQUIRED, UPDATE),
        "resource_id": string("Resource, by id.", REQUIRED, UPDATE),
        "resource_type": string("Type of the resources.", REQUIRED, UPDATE),
    },
    handlers=frozenset({"check", "suspend", "resume"}),
    observe_reality=True,
)


TYPES = (
    GNOCCHI_AGGREGATION_BY_METRICS_ALARM,
    GNOCCHI_AGGREGATION_BY_RESOURCES_ALARM,
    GNOCCHI_RESOURCES_ALARM,
)
