# SPDX-License-Identifier: Apache-2.0
"""Snapshots through the API: statuses, bodies and refusals as Heat's users know them."""

from __future__ import annotations

import asyncio
import dataclasses
import time

from heat_client import TEMPLATE, Client


async def taken(heat: Client, url: str, status: str = "COMPLETE") -> None:
    deadline = time.monotonic() + 10
    while (found := (await heat("GET", url)).json["snapshot"])["status"] != status:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.01)


async def test_the_life_of_a_snapshot(heat: Client) -> None:
    url = await heat.create(parameters={"word": "first", "secret": "hush"}, tags="a,b")
    await heat.until(url, "CREATE_COMPLETE")
    made = await heat("POST", f"{url}/snapshots", {"name": "one"})
    assert made.status == 200, made.text
    assert set(made.json) == {"id", "name", "action", "status", "status_reason", "creation_time", "data"}
    assert (made.json["name"], made.json["action"]) == ("one", "CREATE")
    one = f"{url}/snapshots/{made.json['id']}"
    await taken(heat, one)
    assert (await heat.until(url, "SNAPSHOT_COMPLETE"))["stack_status_reason"] == (
        "Stack SNAPSHOT completed successfully"
    )
    found = (await heat("GET", one)).json["snapshot"]
    assert (await heat("GET", f"{url}/snapshots")).json == {"snapshots": [found]}
    data = found["data"]
    assert data["name"] == "s" and data["tags"] == ["a", "b"] and data["template"] == TEMPLATE
    assert data["environment"]["parameters"] == {"word": "first", "secret": "******"}
    assert "hush" not in str(data)
    kept = data["resources"]["b"]
    assert kept["type"] == "OS::Heat::RandomString" and kept["resource_data"]["value"]

    changed = {**TEMPLATE, "resources": {"a": TEMPLATE["resources"]["a"]}}
    answer = await heat("PUT", url, {"template": changed, "parameters": {"word": "second"}})
    assert answer.status == 202
    await heat.until(url, "UPDATE_COMPLETE")
    assert (await heat("POST", f"{one}/restore", {"any": "body"})).status == 400
    assert (await heat("POST", f"{one}/restore")).status == 202
    stack = await heat.until(url, "RESTORE_COMPLETE")
    assert stack["parameters"]["word"] == "first"
    assert [each["output_value"] for each in stack["outputs"]] == ["first"]
    word = (await heat("GET", f"{url}/resources/b?with_attr=value")).json["resource"]["attributes"]["value"]
    assert word == kept["resource_data"]["value"]

    assert (await heat("DELETE", one)).status == 204
    deadline = time.monotonic() + 10
    while (await heat("GET", one)).status != 404:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert (await heat("GET", url)).json["stack"]["stack_status"] == "RESTORE_COMPLETE"
    assert (await heat("GET", f"{url}/snapshots")).json == {"snapshots": []}


async def test_what_cannot_be_done_with_snapshots(heat: Client) -> None:
    slow = {"type": "OS::Heat::TestResource", "properties": {"wait_secs": 1}}
    url = await heat.create("slow", {"heat_template_version": "2021-04-16", "resources": {"a": slow}})
    busy = await heat("POST", f"{url}/snapshots", {})
    assert busy.status == 409 and busy.json["error"]["type"] == "ActionInProgress"
    assert "already has an action (CREATE) in progress" in busy.json["error"]["message"]
    await heat.until(url, "CREATE_COMPLETE")
    assert (await heat("POST", f"{url}/snapshots")).status == 400
    assert (await heat("POST", f"{url}/snapshots", {"name": 7})).status == 400
    for method, path in (("GET", "/x"), ("DELETE", "/x"), ("POST", "/x/restore")):
        missing = await heat(method, f"{url}/snapshots{path}")
        assert missing.status == 404
        assert missing.json["error"]["message"] == ("The Snapshot (x of Stack slow) could not be found.")
    other = await heat.create("other")
    await heat.until(other, "CREATE_COMPLETE")
    identity = (await heat("POST", f"{url}/snapshots", {})).json["id"]
    assert (await heat("GET", f"{other}/snapshots/{identity}")).status == 404
    early = await heat("DELETE", f"{url}/snapshots/{identity}")
    assert early.status in (204, 400)
    if early.status == 400:
        assert "in-progress" in early.json["error"]["message"]


async def test_snapshots_of_a_stack_are_limited(heat: Client) -> None:
    settings = heat.stand.settings
    engine = dataclasses.replace(settings.engine, max_snapshots_per_stack=1)
    heat.desk.parts.settings = dataclasses.replace(settings, engine=engine)
    url = await heat.create()
    await heat.until(url, "CREATE_COMPLETE")
    assert (await heat("POST", f"{url}/snapshots", {})).status == 200
    await heat.until(url, "SNAPSHOT_COMPLETE")
    refused = await heat("POST", f"{url}/snapshots", {})
    assert refused.status == 400 and refused.json["error"]["type"] == "RequestLimitExceeded"
    assert "max_snapshots_per_stack" in refused.json["error"]["message"]
