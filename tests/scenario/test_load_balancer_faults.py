# SPDX-License-Identifier: Apache-2.0
"""kill -9 of every part of load balancing while a client asks: traffic goes on or comes back, and all is healed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from benchmarks.load_balancer_site import PORTS, Site, Watching, site

pytestmark = [pytest.mark.kernel, pytest.mark.faults, pytest.mark.asyncio(loop_scope="module")]


class Pair:
    """A load balancer of two amphorae, and a client that does not stop asking it."""

    def __init__(self, here: Site) -> None:
        self.here, self.id, self.vip = here, "", ""

    async def build(self) -> None:
        targets = [(one, PORTS[0]) for one in self.here.members]
        made = await self.here.create(self.here.graph("pair", targets, flavor_id=await self.here.pair()))
        self.id, self.vip = made["id"], made["vip_address"]
        await self.here.until(lambda: self.here.asked(self.vip)[0] == 200, 60)
        await self.whole()

    async def whole(self, seconds: float = 90) -> list[dict[str, Any]]:
        """The amphorae, once both are in service and nothing is being mended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            rows = await self.here.amphorae(self.id)
            lb = await self.here.lb(self.id)
            assert lb["provisioning_status"] != "ERROR", "it carries traffic"
            states = [row["status"] for row in rows]
            if states == ["ALLOCATED"] * 2 and lb["provisioning_status"] == "ACTIVE":
                servers = [
                    await self.here.admin.get("compute", f"/servers/{row['compute_id']}") for row in rows
                ]
                if all(one["server"]["status"] == "ACTIVE" for one in servers):
                    return rows
            await asyncio.sleep(0.2)
        raise AssertionError("it was not healed")

    def watched(self) -> Watching:
        return Watching(self.here.client, self.vip, every=0.01, timeout=0.3)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair() -> AsyncIterator[Pair]:
    async with site() as here:
        made = Pair(here)
        await made.build()
        yield made


@pytest.mark.parametrize("word", ["haproxy", "keepalived", "samovar-amphora/agent", ""])
async def test_a_part_of_the_active_amphora_may_die(pair: Pair, word: str) -> None:
    victim = pair.here.holder(await pair.whole(), pair.vip)
    watching = pair.watched()
    try:
        began = time.monotonic()
        pair.here.kill(victim["compute_id"], word)
        await watching.recovered(began, 30)
        assert watching.gap(began) < 5
        rows = await pair.whole()
        assert pair.here.holder(rows, pair.vip)
    finally:
        watching.stop()
    parts = " ".join(pair.here.processes(victim["compute_id"]).values())
    assert "keepalived" in parts and "haproxy" in parts, "what died is there again"


async def test_traffic_does_not_need_the_controllers(pair: Pair) -> None:
    await pair.whole()
    running = json.loads((pair.here.state / "run" / "samovar.json").read_text())
    watching = pair.watched()
    try:
        os.kill(running["pid"], signal.SIGKILL)
        await asyncio.sleep(2)
        await pair.here.up()
        rows = await pair.whole()
    finally:
        watching.stop()
    assert len(watching.good) > 20 and not [bad for bad in watching.bad if bad[1] != "TimeoutError"]
    assert len(watching.bad) <= 2, "at most a slow answer on a busy machine"
    await pair.here.set_members(pair.id, pair.here.members[:1], PORTS[1])
    wanted = f"{pair.here.members[0]}:{PORTS[1]}"
    await pair.here.until(lambda: pair.here.asked(pair.vip)[1] == wanted, 30)
    assert {row["id"] for row in rows} == {row["id"] for row in await pair.whole()}, "nothing was replaced"
