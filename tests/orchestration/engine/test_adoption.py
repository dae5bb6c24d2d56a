# SPDX-License-Identifier: Apache-2.0
"""A stack is abandoned and adopted: its objects stay as they are, and are the new stack's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fake_cloud import FakeCloud, Thing
from stand import Stand
from test_crashes import THING, template

from samovar.database import new_id, utcnow
from samovar.orchestration.engine.adoption import abandon
from samovar.orchestration.engine.definitions import Definition
from samovar.orchestration.engine.requests import OPERATIONS_TOPIC, Request, create_stack
from samovar.orchestration.engine.rows import Stack
from samovar.orchestration.resources.behaviour import ResourceContext, ResourceGone


class Seen(Thing):
    async def observe(self, context: ResourceContext) -> None:
        if context.physical_id not in self.cloud.things:
            raise ResourceGone(f"The thing {context.physical_id} is gone.")


async def made(tmp_path: Path) -> tuple[Stand, FakeCloud, dict[str, Any]]:
    """A stand, its cloud, and the data of a stack that was abandoned in it."""
    stand, cloud = Stand(tmp_path), FakeCloud()
    stand.behaviours[THING] = Seen(cloud)
    await stand.engine()
    identity = await stand.create(template("one"))
    await stand.settled(identity)
    stack = await stand.stack(identity)
    before = dict(cloud.things)
    request = Request("u", "req-4", 60, details={"abandon": True})
    data, operation = await stand.database.write(lambda c: abandon(c, stand.vault, stack, request))
    await stand.bus.ring(OPERATIONS_TOPIC, operation or "")
    gone = await stand.settled(identity)
    assert (gone.action, gone.status) == ("DELETE", "COMPLETE") and gone.deleted_at is not None
    assert cloud.things == before and await stand.rows(identity) == []
    return stand, cloud, data


async def adopt(stand: Stand, data: dict[str, Any], *, rollback: bool = False) -> str:
    identity = new_id()
    stack = Stack(
        id=identity, name="s2", project_id="p", user_id="u", user_name="user", owner_id=None,
        root_id=identity, parent_resource=None, depth=0, action="ADOPT", status="IN_PROGRESS",
        status_reason="", definition_id="", previous_definition_id=None, operation_id=None,
        credentials_id=None, user_project_id=None, description="", tags=[], timeout_mins=None,
        disable_rollback=not rollback, created_at=utcnow(), updated_at=None, deleted_at=None,
    )  # fmt: skip
    definition = Definition(data["template"], data["environment"], data["files"])
    request = Request("u", "req-5", 60, details={"adopt": stand.vault.seal(data["resources"])})
    operation = await stand.database.write(
        lambda c: create_stack(c, stand.vault, stack, definition, request, "ADOPT")
    )
    await stand.bus.ring(OPERATIONS_TOPIC, operation)
    return identity


async def test_a_round_trip_leaves_the_cloud_untouched(tmp_path: Path) -> None:
    stand, cloud, data = await made(tmp_path)
    things = {key: dict(thing) for key, thing in cloud.things.items()}
    assert set(data["resources"]["g"]["resources"]) == {"0", "1"}  # nested stacks stand in their place
    identity = await adopt(stand, data)
    stack = await stand.settled(identity)
    assert (stack.action, stack.status) == ("ADOPT", "COMPLETE"), stack.status_reason
    rows = await stand.current(identity)
    assert {name: row.physical_id for name, row in rows.items() if name != "g"} == {
        name: entry["resource_id"] for name, entry in data["resources"].items() if name != "g"
    }
    assert all((row.action, row.status) == ("ADOPT", "COMPLETE") for row in rows.values())
    assert cloud.things == things and sum(cloud.made.values()) == 6
    told = [state for name, state, _ in await stand.events(identity) if name == "a"]
    assert told == ["ADOPT_IN_PROGRESS", "ADOPT_COMPLETE"]

    await stand.update(identity, template("one"))  # there is nothing to do
    assert (await stand.settled(identity)).status == "COMPLETE"
    assert sum(cloud.made.values()) == 6
    await stand.update(identity, template("two", 3))
    assert (await stand.settled(identity)).status == "COMPLETE"
    values = {thing["values"].get("value") for thing in cloud.things.values()}
    assert len(cloud.things) == 7 and "two" in values and "one" not in values
    await stand.act(identity, "DELETE")
    await stand.settled(identity)
    assert cloud.things == {}
    await stand.close()


async def test_what_cannot_be_taken_over_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    stand, cloud, data = await made(tmp_path)
    lost = data["resources"]["b"]["resource_id"]
    del cloud.things[lost]
    identity = await adopt(stand, data, rollback=True)
    stack = await stand.quiet(identity)
    assert (stack.action, stack.status) == ("ROLLBACK", "COMPLETE"), stack.status_reason
    assert len(cloud.things) == 5 and sum(cloud.made.values()) == 6
    reasons = [reason for _, state, reason in await stand.events(identity) if state == "ADOPT_FAILED"]
    assert f"NotFound: resources.b: The thing {lost} is gone." in reasons
    await stand.close()


async def test_a_resource_without_an_id_or_of_another_type_fails(tmp_path: Path) -> None:
    stand, cloud, data = await made(tmp_path)
    data["resources"]["a"]["resource_id"] = None
    data["resources"]["r"]["type"] = "OS::Nova::Server"
    identity = await adopt(stand, data)
    stack = await stand.settled(identity)
    assert (stack.action, stack.status) == ("ADOPT", "FAILED")
    told = " ".join(reason for _, state, reason in await stand.events(identity) if state == "ADOPT_FAILED")
    assert "resources.a: Resource ID was not provided." in told or "was made as OS::Nova::Server" in told
    assert len(cloud.things) == 6
    await stand.close()
