# SPDX-License-Identifier: Apache-2.0
"""Scaling policies, and the description of instances that groups make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.orchestration.resources.behaviour import Adjustment, Behaviour, ResourceContext

_KINDS = {
    "change_in_capacity": "change",
    "exact_capacity": "exact",
    "percent_change_in_capacity": "percent",
    "ChangeInCapacity": "change",
    "ExactCapacity": "exact",
    "PercentChangeInCapacity": "percent",
}


class ScalingPolicy(Behaviour):
    """Scales its group whenever it is signalled, whatever the signal says."""

    names = (
        "auto_scaling_group_id",
        "adjustment_type",
        "scaling_adjustment",
        "min_adjustment_step",
        "cooldown",
    )

    async def create(self, context: ResourceContext) -> str | None:
        address = await context.signal_address()
        await context.set_data("url", (await context.signed_access(outside=True)).signal_url)
        return address.user_id

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        """URLs as they are outside of servers: alarms and people call them."""
        address = await context.signal_address(outside=True)
        url = context.data.get("url")
        values = {"alarm_url": url, "AlarmUrl": url, "signal_url": address.endpoint}
        return {name: values.get(name) for name in names}

    async def signal(self, context: ResourceContext, details: Any) -> str | None:
        group, kind, amount, step, cooldown = (context.properties.get(name) for name in self.names)
        assert kind is not None and amount is not None
        adjustment = Adjustment(_KINDS[kind], float(amount), int(step or 0), cooldown, kind)
        if await context.scale_group(str(group), adjustment) is None:
            return None
        return signal_told(details)


def signal_told(details: Any) -> str:
    """What the event of a signal says of it."""
    if not details:
        return "No signal details provided"
    if not isinstance(details, Mapping) or not {"current", "previous", "state"} & set(details):
        return "Unknown"
    before, now = details.get("previous", "Unknown"), details.get("current", details.get("state", "Unknown"))
    reason = str(details.get("reason", "Unknown"))[:500]
    return f"alarm state changed from {str(before)[:40]} to {str(now)[:40]} ({reason})"


class AwsScalingPolicy(ScalingPolicy):
    """The same in the words of AWS; its reference is the URL to signal."""

    names = ("AutoScalingGroupName", "AdjustmentType", "ScalingAdjustment", "MinAdjustmentStep", "Cooldown")

    def reference(self, context: ResourceContext) -> str | None:
        return context.data.get("url") or context.name


class LaunchConfiguration(Behaviour):
    """Values only: groups make their instances after them."""

    async def create(self, context: ResourceContext) -> str | None:
        return context.physical_name
