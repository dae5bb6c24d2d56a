# SPDX-License-Identifier: Apache-2.0
"""Groups that scale: by their template, in batches, and by policies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from stand import Stand

from samovar.orchestration.engine.definitions import Definition, load_definition
from samovar.orchestration.engine.scaling import adjusted, scale_group, scaling_metadata
from samovar.orchestration.engine.signals import SignalledStack
from samovar.orchestration.engine.store import get_stack, list_resources
from samovar.orchestration.resources.behaviour import Adjustment, ResourceFailed


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    found = Stand(tmp_path)
    await found.engine()
    yield found
    await found.close()


def group(value: str = "a", *, fail: bool = False, **properties: Any) -> dict[str, Any]:
    sizes = {"min_size": 1, "max_size": 5, "cooldown": 0, **properties}
    member = {"type": "OS::Heat::TestResource", "properties": {"value": value, "fail": fail}}
    return {
        "heat_template_version": "2021-04-16",
        "resources": {
            "g": {"type": "OS::Heat::AutoScalingGroup", "properties": {**sizes, "resource": member}}
        },
        "outputs": {
            "size": {"value": {"get_attr": ["g", "current_size"]}},
            "all": {"value": {"get_attr": ["g", "outputs_list", "output"]}},
            "first": {"value": {"get_attr": ["g", "resource.0", "output"]}},
        },
    }


async def loaded(stand: Stand, identity: str) -> SignalledStack:
    def query(c: Any) -> Any:
        stack = get_stack(c, identity)
        assert stack is not None
        return (
            stack,
            load_definition(c, stand.vault, stack.definition_id),
            list_resources(c, stand.vault, identity),
        )

    stack, definition, rows = await stand.database.read(query)
    assert isinstance(definition, Definition)
    return SignalledStack(stand.parts(), stack, definition, rows)


async def outputs(stand: Stand, identity: str) -> dict[str, Any]:
    stack = await loaded(stand, identity)
    return {name: await stack.resolve(each.value) for name, each in stack.template.outputs.items()}


async def scale(stand: Stand, identity: str, amount: float, kind: str = "change", **more: Any) -> str | None:
    stack = await loaded(stand, identity)
    row = stack.current["g"]
    done = await scale_group(stack, str(row.physical_id), Adjustment(kind, amount, **more))
    await stand.settled(str(row.physical_id))
    return done


async def members(stand: Stand, identity: str) -> list[str]:
    """The members' names, the oldest first."""
    child = (await stand.current(identity))["g"].physical_id
    rows = (await stand.current(str(child))).values()
    return [row.name for row in sorted(rows, key=lambda row: (row.created_at, row.name))]


async def test_a_template_sets_the_size_within_its_bounds(stand: Stand) -> None:
    identity = await stand.create(group(desired_capacity=3))
    assert (await stand.settled(identity)).status == "COMPLETE"
    assert await outputs(stand, identity) == {"size": 3, "all": ["a"] * 3, "first": "a"}
    first = await members(stand, identity)
    assert len(set(first)) == 3 and all(len(name) == 12 for name in first)
    await stand.update(identity, group(max_size=2))  # without a desired size it stays, as far as it may
    assert (await stand.settled(identity)).status == "COMPLETE"
    assert set(await members(stand, identity)) < set(first)
    assert (await outputs(stand, identity))["size"] == 2


async def test_policies_scale_and_names_are_never_used_again(stand: Stand) -> None:
    identity = await stand.create(group())
    await stand.settled(identity)
    before = await members(stand, identity)
    assert await scale(stand, identity, 2) == "g from 1 to 3"
    grown = await members(stand, identity)
    assert grown[0] == before[0] and len(grown) == 3
    assert await scale(stand, identity, 9) == "g from 3 to 5"
    assert await scale(stand, identity, 1) is None  # it is as large as it may be
    assert await scale(stand, identity, 2, "exact") == "g from 5 to 2"
    assert before[0] not in await members(stand, identity)  # the oldest went first
    left = await members(stand, identity)
    assert await scale(stand, identity, 1) == "g from 2 to 3"
    new = set(await members(stand, identity)) - set(left)
    assert len(new) == 1 and not new & {*grown, *before}
    stack = await stand.stack(identity)
    assert (stack.action, stack.status) == ("CREATE", "COMPLETE")


async def test_a_group_in_its_cooldown_is_left_alone(stand: Stand) -> None:
    identity = await stand.create(group())
    await stand.settled(identity)
    patient = Adjustment("change", 1, cooldown=600)
    assert await scale_group(await loaded(stand, identity), "g", patient) == "g from 1 to 2"
    assert await scale(stand, identity, 1) is None
    assert len(await members(stand, identity)) == 2


async def test_a_new_group_cools_down_first(stand: Stand) -> None:
    identity = await stand.create(group(cooldown=600))
    await stand.settled(identity)
    assert await scale(stand, identity, 1) is None
    stack = await loaded(stand, identity)
    shown = scaling_metadata(stack, stack.current["g"])
    assert list(shown["cooldown_end"].values()) == ["ExactCapacity : 1"]


async def test_of_two_signals_at_once_one_scales(stand: Stand) -> None:
    identity = await stand.create(group())
    await stand.settled(identity)
    stacks = [await loaded(stand, identity) for _ in range(4)]
    reference = str(stacks[0].current["g"].physical_id)
    done = await asyncio.gather(
        *(scale_group(each, reference, Adjustment("change", 1, cooldown=600)) for each in stacks)
    )
    assert sorted(filter(None, done)) == ["g from 1 to 2"]
    await stand.settled(reference)
    assert len(await members(stand, identity)) == 2


async def test_what_is_no_group_cannot_be_scaled(stand: Stand) -> None:
    identity = await stand.create(group())
    await stand.settled(identity)
    with pytest.raises(ResourceFailed, match='has no group "elsewhere" to scale'):
        await scale_group(await loaded(stand, identity), "elsewhere", Adjustment("change", 1))


async def test_members_change_in_batches_and_the_minimum_stays_in_service(stand: Stand) -> None:
    rolling = {"max_batch_size": 2, "min_in_service": 3}
    identity = await stand.create(group(desired_capacity=3, rolling_updates=rolling))
    await stand.settled(identity)
    before = await members(stand, identity)
    child = str((await stand.current(identity))["g"].physical_id)
    await stand.update(identity, group("b", desired_capacity=3, rolling_updates=rolling))
    assert (await stand.settled(identity)).status == "COMPLETE"
    assert (await outputs(stand, identity))["all"] == ["b"] * 3
    told = await stand.events(child)
    assert sum(1 for name, state, _ in told if state == "UPDATE_COMPLETE" and name.startswith("s-g-")) == 3
    # Two came first; so three were there while old ones changed.
    made = [name for name, state, _ in told if state == "CREATE_COMPLETE" and name not in before]
    assert len([name for name in made if not name.startswith("s-g-")]) == 2


async def test_failed_members_go_first(stand: Stand) -> None:
    identity = await stand.create(group())
    await stand.settled(identity)
    good = (await members(stand, identity))[0]
    await stand.update(identity, group(fail=True, desired_capacity=2, rolling_updates={"min_in_service": 1}))
    assert (await stand.settled(identity)).status == "FAILED"
    await stand.update(identity, group(desired_capacity=1))
    assert (await stand.settled(identity)).status == "COMPLETE"
    assert await members(stand, identity) == [good]


@pytest.mark.parametrize(
    ("size", "adjustment", "new"),
    [
        (4, Adjustment("change", -1), 3),
        (4, Adjustment("exact", 9), 9),
        (4, Adjustment("percent", 50), 6),
        (3, Adjustment("percent", 50), 4),  # one and a half: towards zero
        (3, Adjustment("percent", 10), 4),  # less than one: away from zero
        (3, Adjustment("percent", -10), 2),
        (3, Adjustment("percent", 0), 3),
        (10, Adjustment("percent", 10, minimum_step=3), 13),
        (10, Adjustment("percent", -10, minimum_step=3), 7),
    ],
)
def test_adjustments(size: int, adjustment: Adjustment, new: int) -> None:
    assert adjusted(size, adjustment) == new
