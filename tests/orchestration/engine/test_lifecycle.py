# SPDX-License-Identifier: Apache-2.0
"""Stacks are created, updated, replaced, rolled back and deleted, and tell of it in Heat's words."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from stand import Stand

from samovar.orchestration.engine.events import cut
from samovar.orchestration.engine.store import count_resources_of_tree

VERSION = "2021-04-16"


def template(**resources: Any) -> dict[str, Any]:
    return {"heat_template_version": VERSION, "resources": resources}


def thing(value: str = "v", depends_on: str | None = None, **properties: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "OS::Heat::TestResource", "properties": {"value": value, **properties}}
    if depends_on:
        found["depends_on"] = depends_on
    return found


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    found = Stand(tmp_path)
    await found.engine()
    yield found
    await found.close()


async def test_a_stack_is_created_in_the_order_of_its_references(stand: Stand) -> None:
    wanted = template(
        a=thing("one"), t={"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["a", "output"]}}}
    )
    identity = await stand.create(wanted)
    stack = await stand.settled(identity)
    assert (stack.action, stack.status) == ("CREATE", "COMPLETE"), stack.status_reason
    assert await stand.events(identity) == [
        ("s", "CREATE_IN_PROGRESS", "Stack CREATE started"),
        ("a", "CREATE_IN_PROGRESS", "state changed"),
        ("a", "CREATE_COMPLETE", "state changed"),
        ("t", "CREATE_IN_PROGRESS", "state changed"),
        ("t", "CREATE_COMPLETE", "state changed"),
        ("s", "CREATE_COMPLETE", "Stack CREATE completed successfully"),
    ]
    rows = await stand.current(identity)
    assert rows["t"].properties is not None and rows["t"].properties["value"] == "one"


async def test_a_failure_is_told_at_the_top_and_stops_new_work(stand: Stand) -> None:
    identity = await stand.create(template(bad=thing(fail=True), after=thing(depends_on="bad")))
    stack = await stand.settled(identity)
    rows = await stand.current(identity)
    assert (stack.action, stack.status) == ("CREATE", "FAILED")
    assert stack.status_reason == f"Resource CREATE failed: {rows['bad'].status_reason}"
    assert rows["bad"].status_reason.startswith("ValueError: resources.bad: ")
    assert rows["after"].state == ("INIT", "COMPLETE")


async def test_a_failed_create_is_rolled_back_when_asked(stand: Stand) -> None:
    identity = await stand.create(template(a=thing(), bad=thing(fail=True, depends_on="a")), rollback=True)
    for _ in range(200):
        stack = await stand.settled(identity)
        if stack.action == "ROLLBACK":
            break
    assert (stack.action, stack.status) == ("ROLLBACK", "COMPLETE")
    assert await stand.rows(identity) == []
    told = [event[1] for event in await stand.events(identity) if event[0] == "s"]
    assert told == ["CREATE_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"]


async def test_an_update_changes_only_what_differs(stand: Stand) -> None:
    identity = await stand.create(template(a=thing("1"), b=thing("1")))
    await stand.settled(identity)
    before = len(await stand.events(identity))
    await stand.update(identity, template(a=thing("1"), b=thing("2")))
    stack = await stand.settled(identity)
    assert (stack.action, stack.status) == ("UPDATE", "COMPLETE")
    told = (await stand.events(identity))[before:]
    assert [event[:2] for event in told] == [
        ("s", "UPDATE_IN_PROGRESS"),
        ("b", "UPDATE_IN_PROGRESS"),
        ("b", "UPDATE_COMPLETE"),
        ("s", "UPDATE_COMPLETE"),
    ]


async def test_a_replacement_is_made_before_the_old_one_goes(stand: Stand) -> None:
    def with_salt(salt: str) -> dict[str, Any]:
        return template(
            r={"type": "OS::Heat::RandomString", "properties": {"salt": salt}},
            d=thing({"get_resource": "r"}),  # type: ignore[arg-type]
        )

    identity = await stand.create(with_salt("x"))
    await stand.settled(identity)
    old = (await stand.current(identity))["r"]
    before = len(await stand.events(identity))
    await stand.update(identity, with_salt("y"))
    assert (await stand.settled(identity)).status == "COMPLETE"
    assert (await stand.events(identity))[before:] == [
        ("s", "UPDATE_IN_PROGRESS", "Stack UPDATE started"),
        ("r", "UPDATE_IN_PROGRESS", "state changed"),
        ("r", "UPDATE_COMPLETE", "The Resource r requires replacement."),
        ("r", "CREATE_IN_PROGRESS", "state changed"),
        ("r", "CREATE_COMPLETE", "state changed"),
        ("d", "UPDATE_IN_PROGRESS", "state changed"),
        ("d", "UPDATE_COMPLETE", "state changed"),
        ("r", "DELETE_IN_PROGRESS", "state changed"),
        ("r", "DELETE_COMPLETE", "state changed"),
        ("s", "UPDATE_COMPLETE", "Stack UPDATE completed successfully"),
    ]
    new = (await stand.current(identity))["r"]
    assert new.id != old.id and len(await stand.rows(identity)) == 2


async def test_a_resource_that_leaves_the_template_is_deleted(stand: Stand) -> None:
    identity = await stand.create(template(a=thing(), b=thing(depends_on="a")))
    await stand.settled(identity)
    await stand.update(identity, template(a=thing()))
    assert (await stand.settled(identity)).status == "COMPLETE"
    assert set(await stand.current(identity)) == {"a"}


async def test_deleting_goes_against_the_dependencies(stand: Stand) -> None:
    identity = await stand.create(template(a=thing(), b=thing(depends_on="a"), c=thing(depends_on="b")))
    await stand.settled(identity)
    await stand.act(identity, "DELETE")
    stack = await stand.settled(identity)
    assert (stack.action, stack.status) == ("DELETE", "COMPLETE") and stack.deleted_at is not None
    deleted = [name for name, state, _ in await stand.events(identity) if state == "DELETE_COMPLETE"]
    assert deleted == ["c", "b", "a", "s"]


async def test_delete_during_create_breaks_it_off(stand: Stand) -> None:
    identity = await stand.create(template(slow=thing(wait_secs=30), after=thing(depends_on="slow")))
    await stand.until(lambda: stand.is_in(identity, "slow", "CREATE_IN_PROGRESS"))
    await stand.act(identity, "DELETE")

    async def broken_off() -> bool:
        return any(event[:2] == ("slow", "CREATE_FAILED") for event in await stand.events(identity))

    # The resource takes as long to be deleted; what is told of its creation is what counts here.
    await stand.until(broken_off)
    told = await stand.events(identity)
    assert ("slow", "CREATE_FAILED", "CREATE aborted (user triggered cancel)") in told
    assert ("s", "CREATE_FAILED", "Stack CREATE cancelled") in told


async def test_a_newer_update_supersedes_the_running_one(stand: Stand) -> None:
    identity = await stand.create(template(a=thing("1"), b=thing("1", depends_on="a")))
    await stand.settled(identity)
    await stand.update(
        identity, template(a=thing("2", action_wait_secs={"update": 1}), b=thing("2", depends_on="a"))
    )
    await stand.until(lambda: stand.is_in(identity, "a", "UPDATE_IN_PROGRESS"))
    await stand.update(identity, template(a=thing("3"), b=thing("3", depends_on="a")))
    stack = await stand.settled(identity)
    rows = await stand.current(identity)
    assert (stack.action, stack.status) == ("UPDATE", "COMPLETE"), stack.status_reason
    assert {name: (row.properties or {})["value"] for name, row in rows.items()} == {"a": "3", "b": "3"}
    updates = [event for event in await stand.events(identity) if event[:2] == ("b", "UPDATE_COMPLETE")]
    assert len(updates) == 1


async def test_suspend_resume_and_check(stand: Stand) -> None:
    identity = await stand.create(
        template(a=thing(), v={"type": "OS::Heat::Value", "properties": {"value": 1}})
    )
    await stand.settled(identity)
    for action in ("SUSPEND", "RESUME", "CHECK"):
        await stand.act(identity, action)
        stack = await stand.settled(identity)
        assert (stack.action, stack.status) == (action, "COMPLETE"), stack.status_reason
    assert stack.status_reason.endswith(". 'CHECK' not fully supported (see resources)")
    looked = [event[1:] for event in await stand.events(identity) if event[0] == "v"][6:]
    assert looked == [("CHECK_COMPLETE", "CHECK not supported for OS::Heat::Value")]


async def test_what_an_update_could_not_make_is_told_as_a_create(stand: Stand) -> None:
    identity = await stand.create(template(a=thing()))
    await stand.settled(identity)
    await stand.update(identity, template(a=thing(), bad=thing(fail=True)))
    stack = await stand.settled(identity)
    assert (stack.action, stack.status) == ("UPDATE", "FAILED")
    assert stack.status_reason.startswith("Resource CREATE failed: ValueError: resources.bad: ")
    await stand.update(
        identity, template(a=thing(), bad=thing(wait_secs={"digest": ["md5", {"get_resource": "a"}]}))
    )
    await stand.settled(identity)
    assert (await stand.current(identity))["bad"].state == ("CREATE", "FAILED")


async def test_a_resume_waits_for_the_suspend_before_it(stand: Stand) -> None:
    identity = await stand.create(template(a=thing()))
    await stand.settled(identity)
    await stand.engines.pop().stop()
    await stand.act(identity, "SUSPEND")
    await stand.act(identity, "RESUME")
    await stand.engine()
    stack = await stand.settled(identity)
    assert (stack.action, stack.status) == ("RESUME", "COMPLETE"), stack.status_reason
    told = [state for name, state, _ in await stand.events(identity) if name == "a"][2:]
    assert told == ["SUSPEND_IN_PROGRESS", "SUSPEND_COMPLETE", "RESUME_IN_PROGRESS", "RESUME_COMPLETE"]


async def test_the_time_of_an_action_ends(stand: Stand) -> None:
    identity = await stand.create(template(a=thing(wait_secs=30)), timeout=0.5)
    stack = await stand.settled(identity)
    assert (stack.action, stack.status, stack.status_reason) == ("CREATE", "FAILED", "Timed out")


async def test_a_group_is_a_stack_inside_the_stack(stand: Stand) -> None:
    def group(count: int) -> dict[str, Any]:
        return template(
            g={
                "type": "OS::Heat::ResourceGroup",
                "properties": {
                    "count": count,
                    "resource_def": {"type": "OS::Heat::TestResource", "properties": {"value": "n%index%"}},
                },
            },
            v={"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["g", "output"]}}},
            r={"type": "OS::Heat::Value", "properties": {"value": {"get_resource": "g"}}},
        )

    identity = await stand.create(group(3))
    stack = await stand.settled(identity)
    assert stack.status == "COMPLETE", stack.status_reason
    rows = await stand.current(identity)
    assert (rows["v"].properties or {})["value"] == ["n0", "n1", "n2"]
    child = rows["g"].physical_id or ""
    assert len(await stand.rows(child)) == 3
    await stand.update(identity, group(2))
    stack = await stand.settled(identity)
    assert stack.status == "COMPLETE", stack.status_reason
    assert ((await stand.current(identity))["v"].properties or {})["value"] == ["n0", "n1"]
    assert rows["r"].properties == {"type": None, "value": child}
    await stand.act(identity, "DELETE")
    assert (await stand.settled(identity)).status == "COMPLETE"
    assert (await stand.stack(child)).deleted_at is not None


async def test_members_that_are_removed_from_the_beginning_and_those_that_stay_so(stand: Stand) -> None:
    def group(mode: str, *removed: str) -> dict[str, Any]:
        return template(
            g={
                "type": "OS::Heat::ResourceGroup",
                "properties": {
                    "count": 2,
                    "resource_def": {"type": "OS::Heat::None"},
                    "removal_policies": [{"resource_list": list(removed)}],
                    "removal_policies_mode": mode,
                },
            }
        )

    async def members() -> list[str]:
        assert (await stand.settled(identity)).status == "COMPLETE"
        return sorted(
            row.name for row in await stand.rows((await stand.current(identity))["g"].physical_id or "")
        )

    identity = await stand.create(group("append", "0"))
    assert await members() == ["1", "2"]
    await stand.update(identity, group("update", "0", "1"))
    assert await members() == ["2", "3"]
    await stand.update(identity, group("update"))
    assert await members() == ["0", "1"]


async def test_a_chain_whose_properties_change_is_replaced(stand: Stand) -> None:
    def chain(length: int) -> dict[str, Any]:
        properties = {"resources": ["OS::Heat::RandomString"], "resource_properties": {"length": length}}
        return template(c={"type": "OS::Heat::ResourceChain", "properties": properties})

    identity = await stand.create(chain(4))
    await stand.settled(identity)
    before = (await stand.current(identity))["c"].physical_id or ""
    await stand.update(identity, chain(5))
    stack = await stand.settled(identity)
    assert stack.status == "COMPLETE", stack.status_reason
    assert (await stand.current(identity))["c"].physical_id != before
    assert (await stand.stack(before)).deleted_at is not None


async def test_a_template_implements_a_resource(stand: Stand) -> None:
    inner = """
heat_template_version: 2021-04-16
parameters:
  word: {type: string}
resources:
  t: {type: OS::Heat::TestResource, properties: {value: {get_param: word}, fail: {get_param: OS::stack_name}}}
"""
    good = (
        inner.replace(", fail: {get_param: OS::stack_name}", "")
        + "outputs:\n  said: {value: {get_attr: [t, output]}}\n"
    )
    outer = template(
        n={"type": "inner.yaml", "properties": {"word": "hello"}},
        v={"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["n", "said"]}}},
    )
    identity = await stand.create(outer, files={"inner.yaml": good})
    stack = await stand.settled(identity)
    assert stack.status == "COMPLETE", stack.status_reason
    assert ((await stand.current(identity))["v"].properties or {})["value"] == "hello"


async def test_a_failure_inside_is_told_with_its_whole_path(stand: Stand) -> None:
    inner = "heat_template_version: 2021-04-16\nresources:\n  x: {type: OS::Heat::TestResource, properties: {fail: true}}\n"
    identity = await stand.create(template(n={"type": "inner.yaml"}), files={"inner.yaml": inner})
    stack = await stand.settled(identity)
    assert stack.status_reason.startswith("Resource CREATE failed: ValueError: resources.n.resources.x: ")


async def test_an_output_that_fails_inside_names_the_resource(stand: Stand) -> None:
    inner = "heat_template_version: 2021-04-16\noutputs: {bad: {value: {get_param: nothing}}}\n"
    outer = template(
        n={"type": "inner.yaml"},
        v={"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["n", "bad"]}}},
    )
    stack = await stand.settled(await stand.create(outer, files={"inner.yaml": inner}))
    assert stack.status == "FAILED"
    assert "Error in n output bad: " in stack.status_reason


async def test_expressions_are_evaluated(stand: Stand) -> None:
    yaql = {"expression": "$.data.select($.len())", "data": [{"get_attr": ["a", "output"]}, "four"]}
    identity = await stand.create(
        template(a=thing("one"), v={"type": "OS::Heat::Value", "properties": {"value": {"yaql": yaql}}})
    )
    stack = await stand.settled(identity)
    assert stack.status == "COMPLETE", stack.status_reason
    assert ((await stand.current(identity))["v"].properties or {})["value"] == [3, 4]


async def test_nested_stacks_that_begin_at_once_keep_within_the_limit(tmp_path: Path) -> None:
    stand = Stand(tmp_path, max_resources_per_stack=100)
    await stand.engine()
    try:
        group: dict[str, Any] = {"type": "OS::Heat::None"}
        for _ in range(3):
            group = {"type": "OS::Heat::ResourceGroup", "properties": {"count": 30, "resource_def": group}}
        identity = await stand.create(template(g=group))
        stack = await stand.settled(identity)
        assert (stack.action, stack.status) == ("CREATE", "FAILED")
        assert re.fullmatch(
            "Resource CREATE failed: [A-Za-z]+: resources[.a-z0-9]+: "
            r"The stack would have \d+ resources; at most 100 are allowed \(max_resources_per_stack\).",
            stack.status_reason,
        )
        rows = await stand.database.read(lambda c: count_resources_of_tree(c, identity))
        assert rows <= 100
        await stand.act(identity, "DELETE")
        assert (await stand.settled(identity)).status == "COMPLETE"
    finally:
        await stand.close()


def test_a_reason_is_one_that_any_database_takes() -> None:
    assert cut("said a\0b") == "said a\N{REPLACEMENT CHARACTER}b" and len(cut("x" * 100_000)) < 21_000
