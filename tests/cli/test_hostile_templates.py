# SPDX-License-Identifier: Apache-2.0
"""Hostile templates: answered quickly and in a sentence, by the commands and by the API."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from commands import Command
from heat_client import PROJECT, Client, Tokens
from hostile import TEMPLATES
from stand import Stand

from samovar.orchestration.api import Service
from samovar.orchestration.engine import ProcessSandbox

SECONDS = 10.0  # of a machine that many tests share; alone each takes well under one


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("command", ["validate", "plan"])
def test_a_command_answers(samovar: Command, name: str, command: str) -> None:
    samovar.write(bad=TEMPLATES[name])
    began = time.process_time()
    status, out, told = samovar(command, "bad.yaml")
    assert time.process_time() - began < SECONDS
    good = {"group": {"validate": 0}, "conditions": {"validate": 0}, "same-key": {"validate": 0, "plan": 2}}
    assert status == good.get(name, {}).get(command, 1)
    assert "\x1b" not in out + told and "\u202e" not in out + told


@pytest.fixture
async def heat(tmp_path: Path) -> AsyncIterator[Client]:
    stand = Stand(tmp_path)
    with ProcessSandbox() as sandbox:
        yield Client(stand, Service(replace(stand.parts(), sandbox=sandbox), Tokens()))
    await stand.close()


async def test_the_api_refuses(heat: Client) -> None:
    for name, text in TEMPLATES.items():
        for route in ("validate", "plans", "stacks/preview"):
            began = time.process_time()
            answer = await heat("POST", f"/v1/{PROJECT}/{route}", {"stack_name": "s", "template": text})
            assert time.process_time() - began < SECONDS, (name, route)
            assert answer.status in (200, 400), (name, route, answer.text[:500])
            if route == "plans":
                assert answer.status == (200 if name == "same-key" else 400), (name, answer.text[:500])
