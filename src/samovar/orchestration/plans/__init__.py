# SPDX-License-Identifier: Apache-2.0
"""Planning: what is stored and what is desired give what must change. Pure."""

from samovar.orchestration.plans.changes import Action, Change, Effect, Plan, PropertyChange, Reason, Step
from samovar.orchestration.plans.document import plan_document, plan_hash
from samovar.orchestration.plans.drawing import FORMATS, plan_drawing
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
from samovar.orchestration.plans.text import paint_ansi, plan_heads, plan_text, summary

__all__ = [
    "FORMATS",
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
    "paint_ansi",
    "plan_document",
    "plan_drawing",
    "plan_hash",
    "plan_heads",
    "plan_text",
    "summary",
]
