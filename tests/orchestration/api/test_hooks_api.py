# SPDX-License-Identifier: Apache-2.0
"""Hooks as clients see them: events, states, clearing, and what a newer request does to a pause."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from heat_client import TEMPLATE, Client


def hooks(**of: str) -> dict[str, Any]:
    return {"resource_registry": {"resources": {name: {"hooks": hook} for name, hook in of.items()}}}


async def told(heat: Client, url: str, reason: str) -> dict[str, Any]:
    """The newest event with this reason, once there is one."""
    deadline = time.monotonic() + 10
    while True:
        for event in (await heat("GET", f"{url}/events")).json["events"]:
            if event["resource_status_reason"] == reason:
                return dict(event)
        assert time.monotonic() < deadline, f"no event tells: {reason}"
        await asyncio.sleep(0.02)


async def clear(heat: Client, url: str, name: str, hook: str) -> int:
    return (await heat("POST", f"{url}/resources/{name}/signal", {"unset_hook": hook})).status


@pytest.mark.parametrize(
    ("hook", "state"), [("pre-create", "INIT_COMPLETE"), ("post-create", "CREATE_COMPLETE")]
)
async def test_a_create_stops_until_the_hook_is_cleared(heat: Client, hook: str, state: str) -> None:
    url = await heat.create(environment=hooks(a=hook))
    paused = await told(heat, url, f"CREATE paused until Hook {hook} is cleared")
    assert (paused["resource_name"], paused["resource_status"]) == ("a", state)
    assert (await heat("GET", url)).json["stack"]["stack_status"] == "CREATE_IN_PROGRESS"
    assert (await heat("GET", f"{url}/resources/b")).json["resource"]["resource_status"] == "INIT_COMPLETE"
    assert await clear(heat, url, "a", "pre-update") == 400
    assert await clear(heat, url, "a", "nonsense") == 400
    assert await clear(heat, url, "a", hook) == 200
    await heat.until(url, "CREATE_COMPLETE")
    assert (await told(heat, url, f"Hook {hook} is cleared"))["resource_status"] == state
    assert await clear(heat, url, "a", hook) == 400


async def test_each_update_stops_at_its_hook(heat: Client) -> None:
    url = await heat.create(environment=hooks(b="pre-update"))
    await heat.until(url, "CREATE_COMPLETE")
    for _ in range(2):
        body = {"template": TEMPLATE, "environment": hooks(b="pre-update")}
        assert (await heat("PUT", url, body)).status == 202
        paused = await told(heat, url, "UPDATE paused until Hook pre-update is cleared")
        assert paused["resource_status"] == "CREATE_COMPLETE"
        deadline = time.monotonic() + 10
        while await clear(heat, url, "b", "pre-update") != 200:
            assert time.monotonic() < deadline
        await heat.until(url, "UPDATE_COMPLETE")


@pytest.mark.parametrize("hook", ["pre-delete", "post-delete"])
async def test_a_delete_stops_at_its_hook(heat: Client, hook: str) -> None:
    url = await heat.create(environment=hooks(a=hook))
    await heat.until(url, "CREATE_COMPLETE")
    assert (await heat("DELETE", url)).status == 204
    await told(heat, url, f"DELETE paused until Hook {hook} is cleared")
    assert await clear(heat, url, "a", hook) == 200
    await heat.until(url, "DELETE_COMPLETE")


async def test_a_paused_stack_can_be_deleted(heat: Client) -> None:
    url = await heat.create(environment=hooks(a="pre-create"))
    await told(heat, url, "CREATE paused until Hook pre-create is cleared")
    assert (await heat("DELETE", url)).status == 204
    await heat.until(url, "DELETE_COMPLETE")


async def test_a_paused_update_gives_way_to_the_next(heat: Client) -> None:
    url = await heat.create()
    await heat.until(url, "CREATE_COMPLETE")
    await heat("PUT", url, {"template": TEMPLATE, "environment": hooks(a="pre-update")})
    await told(heat, url, "UPDATE paused until Hook pre-update is cleared")
    await heat("PUT", url, {"template": TEMPLATE, "parameters": {"word": "next"}})
    assert (await heat.until(url, "UPDATE_COMPLETE"))["outputs"][0]["output_value"] == "next"


async def test_a_patch_keeps_what_the_environment_says_of_resources(heat: Client) -> None:
    own = hooks(a="pre-delete") | {"parameter_defaults": {"word": "kept"}}
    own["resource_registry"] |= {"My::One": "OS::Heat::None", "My::Two": "OS::Heat::None"}
    url = await heat.create(environment=own)
    await heat.until(url, "CREATE_COMPLETE")

    async def registry(**body: Any) -> Any:
        assert (await heat("PATCH", url, body)).status == 202
        await heat.until(url, "UPDATE_COMPLETE")
        now = (await heat("GET", f"{url}/environment")).json
        assert now["parameter_defaults"] == {"word": "kept"}
        return now["resource_registry"]

    assert await registry(environment={}) == own["resource_registry"]
    more = json.dumps({"resource_registry": {"My::One": None, "resources": {"b": {"hooks": "pre-delete"}}}})
    merged = await registry(environment_files=["more"], files={"more": more})
    both = hooks(a="pre-delete", b="pre-delete")["resource_registry"]
    assert merged == both | {"My::Two": "OS::Heat::None"}
    last = hooks(a="pre-delete", b="post-delete")["resource_registry"]
    assert await registry(environment=hooks(b="post-delete")) == last | {"My::Two": "OS::Heat::None"}


async def test_what_is_in_a_restricted_resource_is_restricted(heat: Client) -> None:
    def request(inner: str, other: str) -> dict[str, Any]:
        value = {"type": "OS::Heat::Value", "properties": {"value": other}}
        resources = {"n": {"type": "inner.yaml"}, "v": value}
        nested = {"heat_template_version": "2021-04-16"}
        nested["resources"] = {"t": {"type": "OS::Heat::TestResource", "properties": {"value": inner}}}  # type: ignore[assignment]
        registry = {"resources": {"n": {"restricted_actions": "update"}}}
        return {
            "template": {"heat_template_version": "2021-04-16", "resources": resources},
            "files": {"inner.yaml": json.dumps(nested)},
            "environment": {"resource_registry": registry},
        }

    url = await heat.create(**request("a", "b"))
    await heat.until(url, "CREATE_COMPLETE")
    assert (await heat("PUT", url, request("a", "c"))).status == 202
    await heat.until(url, "UPDATE_COMPLETE")
    assert (await heat("PUT", url, request("x", "c"))).status == 202
    failed = await heat.until(url, "UPDATE_FAILED")
    assert "resources.n: update is restricted for resource." in failed["stack_status_reason"]
    assert (await heat("GET", f"{url}/resources/n")).json["resource"]["resource_status"] == "CREATE_COMPLETE"
