# SPDX-License-Identifier: Apache-2.0
"""Planning: what is stored and what is desired give what must change. Pure."""

from samovar.orchestration.plans.changes import Action, Change, Effect, Plan, PropertyChange, Reason, Step
from samovar.orchestration.plans.inputs import (
    Desired,
    DesiredResource,
    Fate,
    Observed,
    StoredResource,
    StoredStack,
    Traits,
)
from samovar.orchestration.plans.planner import make_plan

__all__ = [
    "Action",
    "Change",
    "Desired",
    "DesiredResource",
    "Effect",
    "Fate",
    "Observed",
    "Plan",
    "PropertyChange",
    "Reason",
    "Step",
    "StoredResource",
    "StoredStack",
    "Traits",
    "make_plan",
]
