# SPDX-License-Identifier: Apache-2.0
"""Random templates of things that refer to each other, of groups, and of templates in templates."""

from __future__ import annotations

import random
from typing import Any

THING = "OS::Heat::TestResource"
PROVIDER = "member.yaml"
VERSION = "2021-04-16"
NAMES = "abcdef"


def random_template(chance: random.Random, size: int) -> dict[str, Any]:
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
    return {"heat_template_version": VERSION, "resources": resources}


MEMBER = f"""
heat_template_version: {VERSION}
parameters:
  word: {{type: string}}
resources:
  one: {{type: {THING}, properties: {{value: {{get_param: word}}}}}}
  two: {{type: {THING}, properties: {{value: {{get_resource: one}}}}}}
outputs:
  first: {{value: {{get_resource: one}}}}
"""
FILES = {PROVIDER: MEMBER}
