# SPDX-License-Identifier: Apache-2.0
"""Software configs and deployments over the native API."""

from __future__ import annotations

from typing import Any

import pytest
from heat_client import PROJECT, Client

CONFIGS = f"/v1/{PROJECT}/software_configs"
DEPLOYMENTS = f"/v1/{PROJECT}/software_deployments"
CONFIG = {
    "name": "c",
    "group": "script",
    "config": "echo",
    "inputs": [{"name": "a", "default": 1}],
    "outputs": [{"name": "b"}],
}


async def made(heat: Client, **more: Any) -> str:
    answer = await heat("POST", CONFIGS, {**CONFIG, **more})
    assert answer.status == 200, answer.text
    return str(answer.json["software_config"]["id"])


async def test_the_life_of_configs(heat: Client) -> None:
    first, second = await made(heat), await made(heat, name="d")
    shown = (await heat("GET", f"{CONFIGS}/{first}")).json["software_config"]
    assert shown["inputs"] == [{"name": "a", "type": "String", "default": 1}]
    assert shown["outputs"] == [{"name": "b", "type": "String", "error_output": False}]
    assert (shown["group"], shown["options"]) == ("script", {})
    listed = (await heat("GET", f"{CONFIGS}?marker={first}&limit=1")).json["software_configs"]
    assert [set(each) for each in listed] == [{"id", "name", "group", "creation_time"}]
    assert listed[0]["id"] == second
    assert (await heat("GET", f"{CONFIGS}?global_tenant=true")).status == 403
    assert (await heat("DELETE", f"{CONFIGS}/{first}")).status == 204
    assert (await heat("GET", f"{CONFIGS}/{first}")).status == 404
    other = await heat("GET", f"/v1/p2/software_configs/{second}", token="bob:p2:member")
    assert other.status == 404


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": "x"}, "inputs"),
        ({"inputs": [{}]}, "name"),
        ({"inputs": [{"name": "a", "type": "Tea"}]}, "Tea"),
        ({"outputs": [{"name": "a", "colour": 1}]}, "colour"),
        ({"options": 3}, "options"),
        ({"nonsense": 3}, "nonsense"),
        ({"name": "x" * 300}, "255"),
    ],
)
async def test_what_is_no_config_is_refused(heat: Client, change: dict[str, Any], words: str) -> None:
    answer = await heat("POST", CONFIGS, {**CONFIG, **change})
    assert answer.status == 400 and words in answer.json["error"]["message"]


async def test_the_life_of_deployments(heat: Client) -> None:
    config = await made(heat)
    answer = await heat("POST", DEPLOYMENTS, {"config_id": config, "server_id": "s1", "action": "CREATE"})
    deployment = answer.json["software_deployment"]
    assert answer.status == 200 and deployment["status"] == "COMPLETE" and deployment["updated_time"] is None
    one = f"{DEPLOYMENTS}/{deployment['id']}"
    changed = await heat("PUT", one, {"status": "FAILED", "status_reason": None, "output_values": {"b": 2}})
    assert changed.json["software_deployment"]["output_values"] == {"b": 2}
    shown = (await heat("GET", one)).json["software_deployment"]
    assert (shown["status"], shown["action"]) == ("FAILED", "CREATE") and shown["updated_time"]
    metadata = (await heat("GET", f"{DEPLOYMENTS}/metadata/s1")).json["metadata"]
    assert [each["id"] for each in metadata] == [config]
    elsewhere = await heat("GET", "/v1/p2/software_deployments/metadata/s1", token="bob:p2:member")
    assert elsewhere.json == {"metadata": []}
    assert len((await heat("GET", f"{DEPLOYMENTS}?server_id=s1")).json["software_deployments"]) == 1
    assert (await heat("GET", f"{DEPLOYMENTS}?server_id=s2")).json["software_deployments"] == []
    refused = await heat("DELETE", f"{CONFIGS}/{config}")
    assert refused.status == 400 and "referenced by deployments" in refused.text
    assert (await heat("DELETE", one)).status == 204
    assert (await heat("GET", one)).status == 404
    assert (await heat("DELETE", f"{CONFIGS}/{config}")).status == 204


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"server_id": "s", "config_id": "nope"}, 404),
        ({"action": "CREATE"}, 400),
        ({"server_id": 3}, 400),
        ({"server_id": "s", "input_values": []}, 400),
        ({"server_id": "s", "id": "not-a-uuid"}, 400),
        ([], 400),
    ],
)
async def test_what_is_no_deployment_is_refused(heat: Client, body: Any, status: int) -> None:
    assert (await heat("POST", DEPLOYMENTS, body)).status == status


async def test_stack_users_only_read_metadata_of_their_deployments(heat: Client) -> None:
    config = await made(heat)
    await heat(
        "POST", DEPLOYMENTS, {"config_id": config, "server_id": "s", "stack_user_project_id": "domain"}
    )
    user = "u:domain:heat_stack_user"
    found = await heat("GET", "/v1/domain/software_deployments/metadata/s", token=user)
    assert [each["id"] for each in found.json["metadata"]] == [config]
    assert (await heat("GET", "/v1/domain/software_configs", token=user)).status == 403
    assert (
        await heat("POST", "/v1/domain/software_deployments", {"server_id": "s"}, token=user)
    ).status == 403
