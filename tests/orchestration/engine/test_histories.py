# SPDX-License-Identifier: Apache-2.0
"""Random histories of one stack with engines that die: whatever is asked and when, it ends, once, and truly."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from fake_cloud import FakeCloud, Thing, trouble
from stand import Stand
from test_crashes import THING, Mortal, kill

from samovar.orchestration.engine.requests import ActionNotAllowed, Request, StackGone, cancel_update

NAMES = "abcdefg"


def random_template(chance: random.Random) -> dict[str, Any]:
    """Things that refer to each other at random (never in a circle), and perhaps a group."""
    chosen = [name for name in NAMES if chance.random() < 0.7]
    order = chance.sample(chosen, len(chosen))
    resources: dict[str, Any] = {}
    for index, name in enumerate(order):
        properties: dict[str, Any] = {}
        kind = chance.random()
        earlier = order[:index]
        if earlier and kind < 0.4:
            properties["value"] = {"get_resource": chance.choice(earlier)}
        elif earlier and kind < 0.6:
            properties["value"] = {"get_attr": [chance.choice(earlier), "output"]}
        elif kind < 0.8:
            properties["update_replace_value"] = chance.choice("xyz")
        else:
            properties["value"] = chance.choice("uvw")
        resources[name] = {"type": THING, "properties": properties}
        if earlier and chance.random() < 0.3:
            resources[name]["depends_on"] = chance.choice(earlier)
    if chance.random() < 0.4:
        member = {"type": THING, "properties": {"value": chance.choice("uvw")}}
        properties = {"count": chance.randint(0, 3), "resource_def": member}
        resources["group"] = {"type": "OS::Heat::ResourceGroup", "properties": properties}
    return {"heat_template_version": "2021-04-16", "resources": resources}


def things_wanted(template: dict[str, Any]) -> int:
    resources = template["resources"].values()
    return sum(1 if each["type"] == THING else each["properties"]["count"] for each in resources)


async def one_history(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    stand = Stand(folder, lease_seconds=0.25)
    cloud = FakeCloud()
    cloud.polls = chance.randint(0, 2)
    cloud.latency = chance.choice([0.0, 0.003])
    stand.behaviours[THING] = Thing(cloud)
    wanted = random_template(chance)
    mortal = Mortal(stand.database, chance.randint(3, 25), chance.random() < 0.5)
    engine = await stand.engine(mortal)  # type: ignore[arg-type]
    rollback = chance.random() < 0.5
    identity = await stand.create(wanted, rollback=rollback)
    deleted = cancelled = False
    for _ in range(chance.randint(0, 4)):
        await asyncio.sleep(chance.choice([0.0, 0.005, 0.02, 0.1]))
        if chance.random() < 0.2:
            cloud.troubles.append(trouble(chance.choice([429, 503, 500])))
        if chance.random() < 0.2:
            cloud.lose_replies += 1
        if mortal.dead.is_set() and engine in stand.engines:
            stand.engines.remove(engine)
            await kill(engine)
            await stand.engine()
        try:
            match chance.choice(["update", "update", "update", "check", "cancel", "delete"]):
                case "update":
                    new = random_template(chance)
                    await stand.update(identity, new)
                    wanted, cancelled = new, False
                case "check":
                    stack = await stand.stack(identity)
                    if stack.status != "IN_PROGRESS":
                        await stand.act(identity, "CHECK")
                case "cancel":
                    request, back = Request("u", "r", 60), chance.random() < 0.5
                    await stand.database.write(
                        lambda c, request=request, back=back: cancel_update(
                            c, identity, request, rollback=back
                        )
                    )
                    cancelled = True
                case "delete" if chance.random() < 0.4:
                    await stand.act(identity, "DELETE")
                    deleted = True
        except (ActionNotAllowed, StackGone):
            continue
    if engine in stand.engines:
        stand.engines.remove(engine)
        if mortal.dead.is_set():
            await kill(engine)
        else:
            mortal.survives = True
            await engine.stop()
    await stand.engine()
    stack = await stand.quiet(identity)
    if not deleted and (cancelled or stack.status == "FAILED"):
        # What was cancelled or failed is brought to its end by one more update.
        await stand.update(identity, wanted)
        stack = await stand.quiet(identity)
    assert stack.status == "COMPLETE", (seed, stack.action, stack.status_reason)
    assert cloud.twice == [], seed
    assert len(cloud.things) == (0 if deleted else things_wanted(wanted)), (seed, cloud.things, wanted)
    rows = await stand.rows(identity)
    assert sum(1 for row in rows if row.type == THING) == (0 if deleted else sum(
        1 for each in wanted["resources"].values() if each["type"] == THING
    )), seed  # fmt: skip
    if not deleted:
        await stand.act(identity, "DELETE")
        stack = await stand.quiet(identity)
        assert (stack.action, stack.status) == ("DELETE", "COMPLETE"), (seed, stack.status_reason)
        assert cloud.things == {}, seed
    await stand.close()


@pytest.mark.parametrize("block", range(4))
async def test_every_history_ends_truly(tmp_path: Path, block: int) -> None:
    seeds = range(block * 10, block * 10 + 10)
    histories = [one_history(tmp_path / str(seed), seed) for seed in seeds]
    ends = await asyncio.gather(*histories, return_exceptions=True)
    assert [end for end in ends if end is not None] == []
