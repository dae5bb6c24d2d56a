# SPDX-License-Identifier: Apache-2.0
"""A cloud that misbehaves, over real HTTP: nothing is made twice, states are true, stacks can be deleted."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from bad_cloud import BadCloud
from heat_client import Client, Tokens
from sqlalchemy import update
from stand import Stand

from samovar.clients import Cloud, Credentials, Http
from samovar.database import Database
from samovar.orchestration.api import Service
from samovar.orchestration.engine import Parts
from samovar.orchestration.engine.tables import definitions

NETWORK = {
    "heat_template_version": "2021-04-16",
    "resources": {"net": {"type": "OS::Neutron::Net"}},
}


class HttpStand(Stand):
    """A stand whose engine speaks to a BadCloud."""

    cloud: BadCloud
    transport: Http

    def parts(self, database: Database | None = None) -> Parts:
        def cloud_for(credentials: Credentials) -> Cloud:
            url = f"http://127.0.0.1:{self.cloud.port}/identity/v3"
            return Cloud(url, credentials, transport=self.transport)

        return dataclasses.replace(super().parts(database), cloud_for=cloud_for, settle_seconds=0.5)


@pytest.fixture
async def heat(tmp_path: Path) -> AsyncIterator[Client]:
    stand = HttpStand(tmp_path)
    stand.cloud, stand.transport = BadCloud(), Http()
    await stand.cloud.start()
    await stand.engine()
    client = Client(stand, Service(stand.parts(), Tokens()))
    client.token = "u:p1:member"
    yield client
    await stand.close()
    await stand.transport.close()
    await stand.cloud.stop()


def cloud_of(heat: Client) -> BadCloud:
    assert isinstance(heat.stand, HttpStand)
    return heat.stand.cloud


async def gone(heat: Client, url: str) -> None:
    deadline = time.monotonic() + 15
    while (answer := await heat("GET", url)).status != 404:
        stack = answer.json["stack"]
        if stack["stack_status"] == "DELETE_COMPLETE":
            return
        assert stack["stack_status"] == "DELETE_IN_PROGRESS", stack
        assert time.monotonic() < deadline, stack
        await asyncio.sleep(0.02)


async def waiting(heat: Client, url: str, words: str) -> None:
    """Until the resource says what it waits for."""
    deadline = time.monotonic() + 10
    identity = url.rsplit("/", 1)[1]
    while True:
        row = (await heat.stand.current(identity)).get("net")
        if row is not None and row.waiting is not None and words in row.waiting["for"]:
            return
        assert time.monotonic() < deadline, row
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("fate", ["lose reply", "lose request"])
async def test_a_create_without_an_answer_is_looked_for_before_it_is_repeated(
    heat: Client, fate: str
) -> None:
    cloud = cloud_of(heat)
    cloud.plan["POST"].append(fate)
    url = await heat.create("s", NETWORK)
    await heat.until(url, "CREATE_COMPLETE")
    assert len(cloud.networks) == 1 and sum(cloud.made.values()) == 1
    await heat("DELETE", url)
    await gone(heat, url)
    assert cloud.networks == {} and cloud.credentials == set()


async def test_a_busy_cloud_is_left_alone_for_as_long_as_it_asks(heat: Client) -> None:
    cloud = cloud_of(heat)
    cloud.plan["POST"].append(("answer", 429, {"retry-after": "2"}, "too many requests"))
    url = await heat.create("s", NETWORK)
    await waiting(heat, url, "too many requests")
    await heat.until(url, "CREATE_COMPLETE")
    first, second = [moment for method, moment in cloud.asked if method == "POST"]
    assert second - first >= 1.95


async def test_a_cloud_that_has_errors_of_its_own_for_a_while_is_asked_again(heat: Client) -> None:
    cloud = cloud_of(heat)
    cloud.plan["POST"].extend([("answer", 500, {}, "oops"), ("answer", 503, {}, "later")])
    cloud.plan["GET"].extend([("answer", 502, {}, "proxy"), ("answer", 500, {}, "oops")])
    url = await heat.create("s", NETWORK)
    await heat.until(url, "CREATE_COMPLETE")
    assert len(cloud.networks) == 1 and sum(cloud.made.values()) == 1


async def test_a_cloud_that_is_down_is_waited_for_and_the_stack_can_be_deleted_meanwhile(
    heat: Client,
) -> None:
    cloud = cloud_of(heat)
    url = await heat.create("s", NETWORK)
    await heat.until(url, "CREATE_COMPLETE")
    await cloud.stop()
    assert (await heat("DELETE", url)).status == 204
    await waiting(heat, url, "neutron")
    await cloud.start()
    await gone(heat, url)
    assert cloud.networks == {}


async def test_a_very_long_error_is_cut_and_the_stack_can_be_deleted(heat: Client) -> None:
    cloud = cloud_of(heat)
    long = "x" * 10_000_000
    cloud.plan["POST"].append(
        ("answer", 400, {"content-type": "application/json"}, f'{{"NeutronError": {{"message": "{long}"}}}}')
    )
    url = await heat.create("s", NETWORK)
    stack = await heat.until(url, "CREATE_FAILED")
    assert stack["stack_status_reason"].startswith("Resource CREATE failed: BadRequest: resources.net: xxx")
    for path in ("", "/resources", "/resources/net", "/events"):
        answer = await heat("GET", url + path)
        assert answer.status == 200 and len(answer.text) < 200_000, path
    assert (await heat("DELETE", url)).status == 204
    await gone(heat, url)


async def test_a_very_long_trouble_is_cut_in_what_is_waited_for(heat: Client) -> None:
    cloud = cloud_of(heat)
    cloud.plan["POST"].append(("answer", 503, {}, "y" * 1_000_000))
    url = await heat.create("s", NETWORK)
    await waiting(heat, url, "yyy")
    row = (await heat.stand.current(url.rsplit("/", 1)[1]))["net"]
    if row.waiting is not None:
        assert len(row.waiting["for"]) < 5000
    await heat.until(url, "CREATE_COMPLETE")


async def test_a_stack_whose_delegation_is_gone_can_be_deleted_by_its_owner(heat: Client) -> None:
    cloud = cloud_of(heat)
    url = await heat.create("s", NETWORK)
    await heat.until(url, "CREATE_COMPLETE")
    cloud.credentials.clear()
    cloud.tokens.clear()
    await heat("DELETE", url)
    stack = await heat.until(url, "DELETE_FAILED")
    assert "no such credential" in stack["stack_status_reason"]
    assert len(cloud.networks) == 1
    await heat("DELETE", url)
    await gone(heat, url)
    assert cloud.networks == {}


async def test_a_stack_whose_template_cannot_be_read_any_more_can_be_deleted(heat: Client) -> None:
    url = await heat.create("s", NETWORK)
    await heat.until(url, "CREATE_COMPLETE")
    broken: dict[str, Any] = {"heat_template_version": "1999-01-01", "resources": 7}
    await heat.stand.database.write(lambda c: c.execute(update(definitions).values(template=broken)))
    assert (await heat("DELETE", url)).status == 204
    await gone(heat, url)
    assert cloud_of(heat).networks == {}


async def test_tokens_that_run_out_in_mid_operation_do_no_harm(heat: Client) -> None:
    cloud = cloud_of(heat)
    cloud.token_seconds = 0.3
    slow = {"type": "OS::Heat::TestResource", "properties": {"wait_secs": 1}, "depends_on": "net"}
    after = {"type": "OS::Neutron::Net", "depends_on": "slow"}
    resources = {**NETWORK["resources"], "slow": slow, "after": after}  # type: ignore[dict-item]
    url = await heat.create("s", {**NETWORK, "resources": resources})
    await heat.until(url, "CREATE_COMPLETE")
    assert len(cloud.networks) == 2
    await heat("DELETE", url)
    await gone(heat, url)
