# SPDX-License-Identifier: Apache-2.0
"""Tokens that live for three seconds, and an operation that takes longer: nobody notices."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from balance import Cloud
from supervised import Child, answers

from clouds import new_cloud

pytestmark = pytest.mark.faults
SERVICES = ("identity", "key-manager", "orchestration-api", "cloudformation-api", "engine")


def secret(**more: object) -> dict:
    return {
        "type": "OS::Barbican::Secret",
        "properties": {"payload": "x", "payload_content_type": "text/plain"},
        **more,
    }


async def outlive(origin: str, password: str) -> None:
    resources = {
        "first": secret(),
        "slow": {"type": "OS::Heat::TestResource", "properties": {"wait_secs": 5}, "depends_on": "first"},
        "second": secret(depends_on="slow"),
    }
    template = {"heat_template_version": "2021-04-16", "resources": resources}
    async with Cloud(origin, password) as cloud:
        began = time.monotonic()
        _, found = await cloud.ask("POST", cloud.stacks, {"stack_name": "s", "template": template})
        url = f"{cloud.stacks}/s/{found['stack']['id']}"
        assert await status(cloud, url, "CREATE") == "CREATE_COMPLETE"
        assert time.monotonic() - began > 5
        assert len((await cloud.get("/key-manager/v1/secrets"))["secrets"]) == 2
        await cloud.ask("DELETE", url)
        assert await status(cloud, url, "DELETE") in ("gone", "DELETE_COMPLETE")
        assert (await cloud.get("/key-manager/v1/secrets"))["secrets"] == []


async def status(cloud: Cloud, url: str, action: str) -> str:
    """How the action ended."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        code, found = await cloud.ask("GET", url)
        if code == 404:
            return "gone"
        if found["stack"]["stack_status"] != f"{action}_IN_PROGRESS":
            return str(found["stack"]["stack_status"])
        await asyncio.sleep(0.2)
    raise AssertionError(f"the {action} does not end")


def test_an_operation_outlives_its_token(tmp_path: Path) -> None:
    cloud = new_cloud(tmp_path)
    cloud.state_dir.mkdir(parents=True)
    origin = f"http://127.0.0.1:{cloud.port}"
    (tmp_path / "samovar.conf").write_text(
        f"[samovar]\npublic_endpoint = {origin}\n[token]\nexpiration = 3\n"
    )
    child = Child(cloud, "all", *SERVICES, "--port", str(cloud.port))
    try:
        child.revive()
        answers(f"{origin}/readyz")
        password = json.loads((cloud.state_dir / "passwords.json").read_text())["admin"]
        asyncio.run(outlive(origin, password))
    finally:
        child.close()
