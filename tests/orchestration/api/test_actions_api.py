# SPDX-License-Identifier: Apache-2.0
"""Actions on stacks in the middle of others: cancelled, superseded, suspended, checked; events as Heat's users know."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from fake_cloud import FakeCloud, Thing
from heat_client import Client

from samovar.orchestration.resources.behaviour import ResourceContext, ResourceFailed

HOT = {"heat_template_version": "2021-04-16"}


def thing(value: str, wait: float = 0, depends_on: str | None = None, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "OS::Heat::TestResource",
        "properties": {"value": value, "action_wait_secs": {"update": wait}, **more},
    }
    return found | ({"depends_on": depends_on} if depends_on else {})


def template(value: str, wait: float = 0) -> dict[str, Any]:
    """Two things, the first of which is slow to update, and a group whose member is."""
    group = {
        "type": "OS::Heat::ResourceGroup",
        "depends_on": "b",
        "properties": {"count": 1, "resource_def": thing(value)},
    }
    return {**HOT, "resources": {"a": thing(value, wait), "b": thing(value, 0, "a"), "g": group}}


async def told(heat: Client, url: str) -> list[tuple[str, str, str]]:
    found = (await heat("GET", f"{url}/events?sort_dir=asc&limit=200")).json["events"]
    return [
        (each["resource_name"], each["resource_status"], each["resource_status_reason"]) for each in found
    ]


async def value_of(heat: Client, url: str, name: str) -> str:
    return str(
        (await heat("GET", f"{url}/resources/{name}?with_attr=output")).json["resource"]["attributes"][
            "output"
        ]
    )


async def resource_in(heat: Client, url: str, name: str, state: str) -> None:
    deadline = time.monotonic() + 10
    while (await heat("GET", f"{url}/resources/{name}")).json.get("resource", {}).get(
        "resource_status"
    ) != state:
        assert time.monotonic() < deadline, state
        await asyncio.sleep(0.01)


async def updating(heat: Client) -> str:
    """A stack whose update is held up by its first resource."""
    url = await heat.create("s", template("old"), disable_rollback=False)
    await heat.until(url, "CREATE_COMPLETE")
    assert (await heat("PUT", url, {"template": template("new", 1)})).status == 202
    await resource_in(heat, url, "a", "UPDATE_IN_PROGRESS")
    return url


async def test_a_cancelled_update_goes_back(heat: Client) -> None:
    url = await updating(heat)
    answer = await heat("POST", f"{url}/actions", {"cancel_update": None})
    assert (answer.status, answer.text) == (200, "null")
    await heat.until(url, "ROLLBACK_COMPLETE")
    assert [await value_of(heat, url, name) for name in "ab"] == ["old", "old"]
    states = [(state, reason) for name, state, reason in await told(heat, url) if name == "s"]
    assert states[-2:] == [
        ("ROLLBACK_IN_PROGRESS", "Stack ROLLBACK started"),
        ("ROLLBACK_COMPLETE", "Stack ROLLBACK completed successfully"),
    ]
    assert (await heat("GET", f"{url}/template")).json == template("old")
    refused = await heat("POST", f"{url}/actions", {"cancel_update": None})
    assert refused.status == 400 and refused.json["error"]["type"] == "NotSupported"


async def test_an_update_cancelled_without_rollback_stays_where_it_is(heat: Client) -> None:
    url = await updating(heat)
    assert (await heat("POST", f"{url}/actions", {"cancel_without_rollback": None})).status == 200
    stack = await heat.until(url, "UPDATE_FAILED")
    assert stack["stack_status_reason"] == "Stack UPDATE cancelled"
    assert await value_of(heat, url, "b") == "old"
    assert (await heat("PATCH", url, {})).status == 202  # and can be gone on with
    await heat.until(url, "UPDATE_COMPLETE")
    assert [await value_of(heat, url, name) for name in "ab"] == ["new", "new"]


async def test_a_create_cancelled_without_rollback_can_be_deleted(heat: Client) -> None:
    waits = {"type": "OS::Heat::TestResource", "properties": {"action_wait_secs": {"create": 30}}}
    slow = {**HOT, "resources": {"a": waits}}
    url = await heat.create("s", slow)
    await resource_in(heat, url, "a", "CREATE_IN_PROGRESS")
    assert (await heat("POST", f"{url}/actions", {"cancel_without_rollback": None})).status == 200
    assert (await heat.until(url, "CREATE_FAILED"))["stack_status_reason"] == "Stack CREATE cancelled"
    assert (await heat("DELETE", url)).status == 204
    await heat.until(url, "DELETE_COMPLETE")


async def test_of_updates_that_overtake_each_other_the_newest_holds(heat: Client) -> None:
    url = await updating(heat)
    for word in ("newer", "newest"):
        assert (await heat("PUT", url, {"template": template(word)})).status == 202
    await heat.until(url, "UPDATE_COMPLETE")
    assert [await value_of(heat, url, name) for name in "ab"] == ["newest", "newest"]
    states = [state for name, state, _ in await told(heat, url) if name == "s"]
    assert states == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE", *["UPDATE_IN_PROGRESS"] * 3, "UPDATE_COMPLETE"]


async def test_what_is_suspended_is_resumed_and_not_updated(heat: Client) -> None:
    url = await heat.create("s", template("old"))
    await heat.until(url, "CREATE_COMPLETE")
    await heat("POST", f"{url}/actions", {"suspend": None})
    await heat.until(url, "SUSPEND_COMPLETE")
    await resource_in(heat, url, "g", "SUSPEND_COMPLETE")
    order = [name for name, state, _ in await told(heat, url) if state == "SUSPEND_COMPLETE"]
    assert order == ["g", "b", "a", "s"]  # against the dependencies
    again = await heat("POST", f"{url}/actions", {"suspend": None})
    assert (again.status, again.text) == (200, "null")
    refused = await heat("PUT", url, {"template": template("new")})
    assert refused.status == 400 and refused.json["error"]["type"] == "NotSupported"
    await heat("POST", f"{url}/actions", {"resume": None})
    await heat.until(url, "RESUME_COMPLETE")
    order = [name for name, state, _ in await told(heat, url) if state == "RESUME_COMPLETE"]
    assert order == ["a", "b", "g", "s"]


class Checked(Thing):
    """A disk that can be looked at."""

    async def check(self, context: ResourceContext) -> None:
        if context.physical_id not in self.cloud.things:
            raise ResourceFailed(f"The disk {context.name} is gone.", kind="NotFound")


async def test_a_check_looks_at_everything_and_the_next_update_mends(heat: Client) -> None:
    cloud = FakeCloud()
    heat.stand.behaviours["OS::Cinder::Volume"] = Checked(cloud)
    disk = {"type": "OS::Cinder::Volume", "properties": {"size": 1}}
    body = {**HOT, "resources": {"one": disk, "two": disk, "three": {**disk, "depends_on": "one"}}}
    identity = await heat.stand.create(body)
    await heat.stand.settled(identity)
    names = {each["name"].split("-")[1]: key for key, each in cloud.things.items()}
    del cloud.things[names["one"]], cloud.things[names["two"]]
    await heat.stand.act(identity, "CHECK")
    stack = await heat.stand.settled(identity)
    assert (stack.action, stack.status) == ("CHECK", "FAILED")
    assert "The disk one is gone." in stack.status_reason and "two is gone" in stack.status_reason
    rows = await heat.stand.current(identity)
    assert {name: row.status for name, row in rows.items()} == {
        "one": "FAILED", "two": "FAILED", "three": "COMPLETE",
    }  # fmt: skip
    await heat.stand.update(identity, body)
    assert (await heat.stand.settled(identity)).status == "COMPLETE"
    assert len(cloud.things) == 3


@pytest.mark.parametrize("inside", [False, True], ids=["of the stack", "of a group in it"])
async def test_what_is_marked_unhealthy_is_made_anew(heat: Client, inside: bool) -> None:
    url = await heat.create("s", template("old"))
    await heat.until(url, "CREATE_COMPLETE")
    where, name = url, "b"
    if inside:
        nested = (await heat("GET", f"{url}/resources/g")).json["resource"]["links"]
        where = next(link["href"] for link in nested if link["rel"] == "nested")
        name = "0"
    before = (await heat("GET", f"{where}/resources/{name}")).json["resource"]["physical_resource_id"]
    body = {"mark_unhealthy": True, "resource_status_reason": "smells"}
    assert (await heat("PATCH", f"{where}/resources/{name}", body)).status == 200
    shown = (await heat("GET", f"{where}/resources/{name}")).json["resource"]
    assert (shown["resource_status"], shown["resource_status_reason"]) == ("CHECK_FAILED", "smells")
    assert (await heat("PATCH", url, {})).status == 202
    await heat.until(url, "UPDATE_COMPLETE")
    shown = (await heat("GET", f"{where}/resources/{name}")).json["resource"]
    assert shown["resource_status"] == "CREATE_COMPLETE" and shown["physical_resource_id"] != before
