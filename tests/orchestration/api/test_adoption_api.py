# SPDX-License-Identifier: Apache-2.0
"""Export, abandon and adopt through the API, for operators who switch them on."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from heat_client import PROJECT, TEMPLATE, Client

ADOPTED: dict[str, Any] = {"stack_name": "s2", "adopt_stack_data": "{}"}


def enable(heat: Client) -> None:
    settings = heat.desk.parts.settings
    engine = dataclasses.replace(settings.engine, enable_stack_abandon=True, enable_stack_adopt=True)
    heat.desk.parts.settings = dataclasses.replace(settings, engine=engine)


async def test_they_are_refused_where_no_operator_enabled_them(heat: Client) -> None:
    url = await heat.create()
    await heat.until(url, "CREATE_COMPLETE")
    for method, path, body in (
        ("GET", f"{url}/export", None),
        ("DELETE", f"{url}/abandon", None),
        ("POST", f"/v1/{PROJECT}/stacks", ADOPTED),
    ):
        answer = await heat(method, path, body)
        assert answer.status == 400 and answer.json["error"]["type"] == "NotSupported"
        assert "not enabled on this server" in answer.json["error"]["message"]


async def test_a_stack_leaves_and_comes_back(heat: Client) -> None:
    enable(heat)
    url = await heat.create(parameters={"word": "hi", "secret": "hush"}, tags="a")
    await heat.until(url, "CREATE_COMPLETE")
    exported = (await heat("GET", f"{url}/export")).json
    abandoned = await heat("DELETE", f"{url}/abandon")
    assert abandoned.status == 200 and abandoned.json == exported
    assert (exported["name"], exported["tags"], exported["template"]) == ("s", ["a"], TEMPLATE)
    assert exported["environment"]["parameters"] == {"word": "hi", "secret": "hush"}
    await heat.until(url, "DELETE_COMPLETE")
    body = {"stack_name": "s", "adopt_stack_data": json.dumps(exported), "disable_rollback": True}
    answer = await heat("POST", f"/v1/{PROJECT}/stacks", body)
    assert answer.status == 201, answer.text
    new = answer.headers["location"]
    stack = await heat.until(new, "ADOPT_COMPLETE")
    assert stack["id"] != exported["id"] and stack["parameters"]["word"] == "hi"
    assert stack["parameters"]["secret"] == "******"
    found = (await heat("GET", f"{new}/resources/b?with_attr=value")).json["resource"]
    assert found["attributes"]["value"] == exported["resources"]["b"]["resource_data"]["value"]
    assert found["physical_resource_id"] == exported["resources"]["b"]["resource_id"]
    named = {**body, "stack_name": "again", "parameters": {"word": "other"}}
    answer = await heat("POST", f"/v1/{PROJECT}/stacks", named)
    stack = await heat.until(answer.headers["location"], "ADOPT_COMPLETE")
    assert stack["parameters"]["word"] == "other"  # what the request says wins


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("no: [json", "adopt_stack_data"),
        ("[]", "with its template"),
        ('{"resources": {}}', "with its template"),
        ('{"template": {"heat_template_version": "2018-08-31"}, "resources": 1}', "must be an object"),
        ('{"template": {"heat_template_version": "2018-08-31"}, "environment": 1}', "must be objects"),
    ],
)
async def test_what_is_no_exported_stack_is_refused(heat: Client, data: str, words: str) -> None:
    enable(heat)
    answer = await heat("POST", f"/v1/{PROJECT}/stacks", {**ADOPTED, "adopt_stack_data": data})
    assert answer.status == 400 and words in answer.json["error"]["message"], answer.text


async def test_a_busy_stack_is_not_abandoned(heat: Client) -> None:
    enable(heat)
    slow = {"type": "OS::Heat::TestResource", "properties": {"wait_secs": 1}}
    url = await heat.create("slow", {"heat_template_version": "2021-04-16", "resources": {"a": slow}})
    assert (await heat("DELETE", f"{url}/abandon")).status == 409
