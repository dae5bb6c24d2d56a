# SPDX-License-Identifier: Apache-2.0
"""``GET …/why``, and what `samovar why` prints of it: the exact text that a person sees."""

from __future__ import annotations

import asyncio
import datetime
import re
import time
from typing import Any

import pytest
from fake_cloud import FakeCloud, Thing, trouble
from heat_client import PROJECT, Client
from sqlalchemy import update

from samovar.cli.why_text import why_text
from samovar.clients import CloudError
from samovar.orchestration.engine.tables import operations

HEAD = "heat_template_version: 2021-04-16\n"
INNER = (
    HEAD
    + """resources:
  server:
    type: OS::Heat::TestResource
    properties: {value: no such image}
"""
)
OUTER = (
    HEAD
    + """resources:
  first: {type: OS::Heat::RandomString}
  web:
    type: web.yaml
    depends_on: first
  after:
    type: OS::Heat::RandomString
    depends_on: web
"""
)
FAILED = """\
✗ shop is CREATE_FAILED since TIME: 1 root cause, 1 consequence.

resources.web.resources.server  OS::Heat::TestResource  CREATE_FAILED at TIME
  Image nosuch.qcow2 could not be found.
  compute answered 400 to POST /servers (request req-4f0c)
  in the way: missing image. See 'openstack image list' for the images there are, and name one of them.
   --> web.yaml:3:3
    |
  3 |   server:
    |   ^^^^^^

failed because of that: resources.web

1 complete, 1 failed, 1 not begun.
  not begun: resources.after, after web (CREATE_FAILED)

next:
  samovar retry shop               do again what failed; what is complete stays
  samovar up TEMPLATE --name shop  apply a corrected template
  openstack stack delete shop      remove everything of it
"""
WAITING = """\
… waits is CREATE_IN_PROGRESS since TIME and waits for 1 thing.

resources.condition  OS::Heat::WaitCondition  CREATE_IN_PROGRESS
  waits for signals, 0 of 2 received, since TIME (N s), gives up at TIME

1 complete, 1 in progress, 1 not begun.
  not begun: resources.after, after condition (CREATE_IN_PROGRESS)
"""
CONDITION = (
    HEAD
    + """resources:
  handle: {type: OS::Heat::WaitConditionHandle}
  condition:
    type: OS::Heat::WaitCondition
    properties: {handle: {get_resource: handle}, count: 2, timeout: 60}
  after: {type: OS::Heat::RandomString, depends_on: condition}
"""
)


@pytest.fixture(autouse=True)
def somebody_who_delegates(heat: Client) -> None:
    heat.token = f"u:{PROJECT}:member"


def refusal(message: str, status: int = 400) -> CloudError:
    return CloudError(
        status, message, service="compute", method="POST", path="/servers", request_id="req-4f0c", body=None
    )


def printed(document: dict[str, Any]) -> str:
    """The text, with times and lengths of time made equal."""
    text = why_text(document, datetime.datetime.now(datetime.UTC))
    return re.sub(r"\(\d+ s\)", "(N s)", re.sub(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d", "TIME", text))


async def why(heat: Client, url: str, query: str = "") -> dict[str, Any]:
    answer = await heat("GET", f"{url}/why{query}")
    assert answer.status == 200, answer.text
    return dict(answer.json)


async def waits(heat: Client, url: str, word: str) -> dict[str, Any]:
    """The document, once there is a wait whose words hold `word`."""
    deadline = time.monotonic() + 10
    while True:
        document = await why(heat, url)
        if any(word in (each["for"] or "") for each in document["waits"]):
            return document
        assert time.monotonic() < deadline, document
        await asyncio.sleep(0.02)


async def test_the_root_cause_is_told_with_its_line_and_the_clouds_words(heat: Client) -> None:
    cloud = FakeCloud()
    cloud.troubles = [refusal("Image nosuch.qcow2 could not be found.")]
    heat.stand.behaviours["OS::Heat::TestResource"] = Thing(cloud)
    url = await heat.create("shop", OUTER, files={"web.yaml": INNER}, disable_rollback=True)
    await heat.until(url, "CREATE_FAILED")
    assert printed(await why(heat, url)) == FAILED
    only = await why(heat, url, "?resource=web")
    assert [each["path"] for each in only["causes"]] == ["resources.web.resources.server"]
    assert (await why(heat, url, "?resource=first"))["verdict"] == "healthy"
    assert (await heat("GET", f"{url}/why?resource=nothing")).status == 404
    assert (await heat("GET", f"/v1/{PROJECT}/stacks/shop/why")).status == 302
    assert (await heat("GET", f"{url}/why", token="eve:p2:member")).status in (403, 404)

    kept = (await heat("GET", f"{url}/resources/first")).json["resource"]
    assert (await heat("POST", f"{url}/actions", {"retry": None})).status == 200
    await heat.until(url, "CREATE_COMPLETE")
    assert (await heat("GET", f"{url}/resources/first")).json["resource"] == kept
    document = await why(heat, url)
    assert (document["verdict"], document["causes"]) == ("healthy", [])
    assert "✓ shop is well: CREATE_COMPLETE since TIME" in printed(document)
    again = await heat("POST", f"{url}/actions", {"retry": None})
    assert again.status == 400 and "Nothing of the stack shop failed" in again.json["error"]["message"]


async def test_what_is_waited_for_is_told_until_when(heat: Client) -> None:
    parts = heat.stand.behaviours
    parts["OS::Heat::WaitConditionHandle"] = Thing(FakeCloud())
    url = await heat.create("waits", CONDITION)
    document = await waits(heat, url, "0 of 2")
    assert printed(document) == WAITING
    until = datetime.datetime.fromisoformat(document["waits"][0]["until"])
    begun = datetime.datetime.fromisoformat(document["waits"][0]["since"])
    assert 58 <= (until - begun).total_seconds() <= 61


async def test_a_service_in_trouble_is_waited_for_and_told_by_one_event(heat: Client) -> None:
    cloud = FakeCloud()
    cloud.troubles = [trouble(503)] * 4
    heat.stand.behaviours["OS::Heat::TestResource"] = Thing(cloud)
    url = await heat.create("slow", OUTER.replace("web.yaml", "OS::Heat::TestResource"))
    wait = (await waits(heat, url, "compute service to recover"))["waits"][0]
    assert wait["path"] == "resources.web" and wait["since"] < wait["until"]
    shown = (await heat("GET", f"{url}/resources/web")).json["resource"]
    assert "waiting for the compute service to recover" in shown["resource_status_reason"]
    await heat.until(url, "CREATE_COMPLETE")
    told = [
        event["resource_status_reason"]
        for event in (await heat("GET", f"{url}/resources/web/events")).json["events"]
    ]
    assert sum("waiting for the compute service" in reason for reason in told) == 1


async def test_a_rollback_is_explained_by_what_failed_before_it(heat: Client) -> None:
    cloud = FakeCloud()
    cloud.troubles = [refusal("Quota exceeded for cores: Requested 4, but already used 8 of 10", 403)]
    heat.stand.behaviours["OS::Heat::TestResource"] = Thing(cloud)
    url = await heat.create("back", OUTER, files={"web.yaml": INNER}, disable_rollback=False)
    await heat.until(url, "ROLLBACK_COMPLETE")
    document = await why(heat, url)
    (cause,) = document["causes"]
    assert cause["path"] == "resources.web.resources.server" and cause["in_the_way"]["kind"] == "quota"
    assert document["rolled_back"] == "CREATE"
    assert "✗ back is ROLLBACK_COMPLETE since TIME after its CREATE failed" in printed(document)
    assert (await heat("POST", f"{url}/actions", {"retry": None})).status == 200
    await heat.until(url, "UPDATE_COMPLETE")


async def test_without_an_engine_that_is_what_a_stack_waits_for(heat: Client) -> None:
    await heat.stand.engines[0].stop()
    url = await heat.create("alone", OUTER.replace("web.yaml", "OS::Heat::TestResource"))
    (wait,) = (await why(heat, url))["waits"]
    assert "an engine to take it (no engine reports for duty" in wait["for"]
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=30)
    held = update(operations).values(status="RUNNING", lease_owner="dead", lease_expires_at=long_ago)
    await heat.stand.database.write(lambda c: c.execute(held).rowcount)
    (wait,) = (await why(heat, url))["waits"]
    assert wait["for"] == "another engine to go on with it; the engine dead has been silent too long"
    assert wait["since"] < wait["until"]
