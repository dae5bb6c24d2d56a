# SPDX-License-Identifier: Apache-2.0
"""What is replaced inside a nested stack goes when nothing outside of it uses it any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_cloud import FakeCloud, Thing
from stand import Stand

from samovar.clients import CloudError
from samovar.orchestration.engine import steps
from samovar.orchestration.resources.behaviour import ResourceContext

THING = "OS::Heat::TestResource"
INNER = """
heat_template_version: 2018-08-31
parameters: {word: {type: string}}
resources:
  used: {type: OS::Heat::TestResource, properties: {update_replace_value: {get_param: word}}}
outputs:
  id: {value: {get_resource: used}}
"""
MIDDLE = """
heat_template_version: 2018-08-31
parameters: {word: {type: string}}
resources:
  inner: {type: inner.yaml, properties: {word: {get_param: word}}}
outputs:
  id: {value: {get_attr: [inner, id]}}
"""
FILES = {"inner.yaml": INNER, "middle.yaml": MIDDLE}


class InUse(Thing):
    """Is not deleted while another thing tells its id."""

    async def delete(self, context: ResourceContext) -> None:
        wanted = context.physical_id
        if any(thing["values"].get("value") == wanted for thing in self.cloud.things.values()):
            raise CloudError(
                409, "in use", service="compute", method="DELETE", path="/things", request_id="r", body=None
            )
        await super().delete(context)


def template(nested: str, word: str, *, user: bool = True) -> dict[str, Any]:
    resources: dict[str, Any] = {"nest": {"type": nested, "properties": {"word": word}}}
    if user:
        resources["user"] = {"type": THING, "properties": {"value": {"get_attr": ["nest", "id"]}}}
    return {"heat_template_version": "2021-04-16", "resources": resources}


@pytest.mark.parametrize("nested", ["inner.yaml", "middle.yaml"])
async def test_an_object_that_the_outer_stack_still_used_is_removed_at_the_end(
    tmp_path: Path, nested: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "CONFLICT_WITHIN_SECONDS", 0.0)
    stand, cloud = Stand(tmp_path), FakeCloud()
    stand.behaviours[THING] = InUse(cloud)
    await stand.engine()
    try:
        identity = await stand.create(template(nested, "one"), files=FILES)
        assert (await stand.settled(identity)).status == "COMPLETE"
        before = set(cloud.things)
        await stand.update(identity, template(nested, "two"), files=FILES)
        stack = await stand.settled(identity)
        assert (stack.action, stack.status) == ("UPDATE", "COMPLETE"), stack.status_reason
        after = set(cloud.things)
        assert len(after) == 2 and len(after - before) == 1
        assert cloud.made.total() == 3
        rows = await stand.current(identity)
        assert "left_over" not in rows["nest"].data
        assert [row.name for row in await stand.rows(rows["nest"].physical_id or "")] in (["used"], ["inner"])
    finally:
        await stand.close()


async def test_what_somebody_else_uses_fails_the_update_in_the_clouds_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "CONFLICT_WITHIN_SECONDS", 0.0)
    monkeypatch.setattr(steps, "CONFLICT_SECONDS", 0.1)
    stand, cloud = Stand(tmp_path), FakeCloud()
    stand.behaviours[THING] = InUse(cloud)
    await stand.engine()
    try:
        identity = await stand.create(template("inner.yaml", "one", user=False), files=FILES)
        await stand.settled(identity)
        used = next(iter(cloud.things))
        cloud.things["strange"] = {"name": "strange", "values": {"value": used}, "polls": 9}
        await stand.update(identity, template("inner.yaml", "two", user=False), files=FILES)
        stack = await stand.settled(identity)
        assert stack.status == "FAILED" and "resources.nest.resources.used: in use" in stack.status_reason
        del cloud.things["strange"]
        await stand.update(identity, template("inner.yaml", "two", user=False), files=FILES)
        assert (await stand.settled(identity)).status == "COMPLETE"
        assert len(cloud.things) == 1 and used not in cloud.things
    finally:
        await stand.close()
