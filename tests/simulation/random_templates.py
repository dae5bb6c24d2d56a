# SPDX-License-Identifier: Apache-2.0
"""Random templates of things that refer to each other, of groups, and of templates in templates."""

from __future__ import annotations

import random
from typing import Any

THING = "OS::Heat::TestResource"
HANDLE, CONDITION = "OS::Heat::WaitConditionHandle", "OS::Heat::WaitCondition"
GROUP = "OS::Heat::AutoScalingGroup"
PROVIDER = "member.yaml"
VERSION = "2021-04-16"
NAMES = "abcdef"
HOOKS = ("pre-create", "post-create", "pre-update", "post-update", "pre-delete", "post-delete")


def random_template(chance: random.Random, size: int, *, gated: bool = False) -> dict[str, Any]:
    """A template of at most `size` things of its own, and perhaps groups and nested stacks."""
    chosen = chance.sample(NAMES, chance.randint(1, size))
    resources: dict[str, Any] = {}
    for index, name in enumerate(chosen):
        earlier = chosen[:index]
        kind = chance.random()
        properties: dict[str, Any] = {}
        if earlier and kind < 0.35:
            properties["value"] = {"get_resource": chance.choice(earlier)}
        elif earlier and kind < 0.5:
            properties["value"] = {"get_attr": [chance.choice(earlier), "output"]}
        elif kind < 0.75:
            properties["update_replace_value"] = chance.choice("xyz")
        else:
            properties["value"] = chance.choice("uvw")
        resources[name] = {"type": THING, "properties": properties}
        if earlier and chance.random() < 0.25:
            resources[name]["depends_on"] = chance.choice(earlier)
    drawn = chance.random()
    member: dict[str, Any] = {"type": THING, "properties": {"value": chance.choice("uvw")}}
    if drawn < 0.1:
        member = {
            "type": "OS::Heat::ResourceGroup",
            "properties": {"count": chance.randint(1, 2), "resource_def": member},
        }
    if drawn < 0.3:
        properties = {"count": chance.randint(0, 3), "resource_def": member}
        resources["group"] = {"type": "OS::Heat::ResourceGroup", "properties": properties}
        if chance.random() < 0.3:
            resources["group"]["update_policy"] = {
                "rolling_update": {
                    "max_batch_size": 1,
                    "min_in_service": 0,
                    "pause_time": chance.choice([0, 2]),
                }
            }
    if drawn > 0.8:
        resources["nest"] = {"type": PROVIDER, "properties": {"word": chance.choice("uvw")}}
        if chance.random() < 0.5:
            value = {"get_attr": ["nest", "first"]}
            resources["after"] = {"type": THING, "properties": {"value": value}}
    if gated:
        resources |= _gates(chance, chosen)
    return {"heat_template_version": VERSION, "resources": resources}


def _gates(chance: random.Random, names: list[str]) -> dict[str, Any]:
    """What waits for signals, and what is scaled from outside."""
    gates: dict[str, Any] = {}
    if chance.random() < 0.6:
        handle = {"get_resource": "handle"}
        gates["handle"] = {"type": HANDLE, "properties": {}}
        gates["condition"] = {"type": CONDITION, "properties": {"handle": handle, "timeout": 900}}
        gates["condition"]["depends_on"] = chance.choice(names)
        gates["gated"] = {"type": THING, "properties": {"value": "v"}, "depends_on": "condition"}
    if chance.random() < 0.7:
        member = {"type": THING, "properties": {"value": chance.choice("uvw")}}
        sizes = {"min_size": 1, "max_size": 4, "cooldown": chance.choice([0, 60])}
        gates["scaled"] = {"type": GROUP, "properties": {**sizes, "resource": member}}
    return gates


def random_hooks(chance: random.Random, template: dict[str, Any]) -> dict[str, Any]:
    """An environment that stops some resources of the template before or after actions."""
    names = sorted(template["resources"])
    hooked = chance.sample(names, chance.randint(1, min(2, len(names))))
    hooks = {name: {"hooks": chance.sample(HOOKS, chance.randint(1, 2))} for name in hooked}
    return {"resource_registry": {"resources": hooks}}


MEMBER = f"""
heat_template_version: {VERSION}
parameters:
  word: {{type: string}}
resources:
  one: {{type: {THING}, properties: {{update_replace_value: {{get_param: word}}}}}}
  two: {{type: {THING}, properties: {{value: {{get_resource: one}}}}}}
outputs:
  first: {{value: {{get_resource: one}}}}
"""
FILES = {PROVIDER: MEMBER}
