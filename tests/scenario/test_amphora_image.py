# SPDX-License-Identifier: Apache-2.0
"""The image of amphorae: built from this machine, registered, booted from, and enough for all they do."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from benchmarks.load_balancer_site import PORTS, Site, site

pytestmark = [pytest.mark.kernel, pytest.mark.asyncio(loop_scope="module")]
APART = """
[nova]
enable_anti_affinity = true
[samovar]
lb_delete_drain_seconds = 5
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here() -> AsyncIterator[Site]:
    async with site(configuration=APART) as made:
        yield made


async def test_a_pair_of_amphorae_boots_from_our_own_image(here: Site) -> None:
    command = [sys.executable, "-m", "samovar.cli.main", "amphora-image", "--json"]
    command += ["--state-dir", str(here.state)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    image = json.loads(done.stdout)["image"]
    body = here.graph("own", [(one, PORTS[0]) for one in here.members], flavor_id=await here.pair())
    body["listeners"].append({"name": "udp", "protocol": "UDP", "protocol_port": 53})
    made = await here.create(body)
    await here.active(made["id"])
    await here.until(lambda: here.asked(made["vip_address"])[0] == 200, 30)
    rows = await here.amphorae(made["id"])
    assert [row["image_id"] for row in rows] == [image, image]
    listeners = await here.user.get("load-balancer", "/v2.0/lbaas/listeners", query={"name": "udp"})
    assert [one["provisioning_status"] for one in listeners["listeners"]] == ["ACTIVE"]
    groups = (await here.admin.get("compute", "/os-server-groups", query={"all_projects": "True"}))[
        "server_groups"
    ]
    (group,) = [one for one in groups if one["name"] == f"octavia-lb-{made['id']}"]
    assert sorted(group["members"]) == sorted(row["compute_id"] for row in rows)
    victim = here.holder(rows, made["vip_address"])
    here.kill(victim["compute_id"], "")
    await here.until(lambda: here.asked(made["vip_address"])[0] == 200, 10)
    await here.active(made["id"])
    await here.delete(made["id"])
