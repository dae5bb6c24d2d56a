# SPDX-License-Identifier: Apache-2.0
"""What was done to a stack, and the exact text of it; revisions are kept, and not without end."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

from fake_cloud import FakeCloud, Thing
from heat_client import PROJECT, TEMPLATE, Client, Tokens
from stand import Stand
from test_why_api import refusal

from samovar.cli.history import history_text
from samovar.orchestration.api import Service


def printed(answer: dict[str, Any]) -> str:
    text = history_text(answer, datetime.datetime.now(datetime.UTC))
    return re.sub(r"\d+\.\d s", "N s", re.sub(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d", "TIME", text))


async def update(heat: Client, url: str, template: Any, **parameters: str) -> None:
    body = {"template": template, "parameters": parameters, "disable_rollback": False}
    answer = await heat("PUT", url, body)
    assert answer.status == 202, answer.text


async def test_who_did_what_and_what_came_of_it(heat: Client) -> None:
    heat.token = f"u:{PROJECT}:member"
    cloud = FakeCloud()
    heat.stand.behaviours["OS::Heat::TestResource"] = Thing(cloud)
    url = await heat.create(disable_rollback=False)
    await heat.until(url, "CREATE_COMPLETE")
    more = {**TEMPLATE, "resources": {**TEMPLATE["resources"], "c": {"type": "OS::Heat::RandomString"}}}
    await update(heat, url, more, secret="sesame")
    await heat.until(url, "UPDATE_COMPLETE")
    found = (await heat("GET", f"{url}/history")).json
    assert [each["revision"] for each in found["history"]] == [2, 1]
    assert [each["current"] for each in found["history"]] == [True, False]
    assert "sesame" not in str(found)

    async def refuse(*_: Any) -> None:
        raise refusal("The thing cannot be this word.", 409)

    thing = heat.stand.behaviours["OS::Heat::TestResource"]
    kept, thing.update = thing.update, refuse
    await update(heat, url, more, secret="sesame", word="other")
    await heat.until(url, "ROLLBACK_COMPLETE")
    thing.update = kept
    assert (await heat("POST", f"{url}/actions", {"retry": None})).status == 200
    await heat.until(url, "UPDATE_COMPLETE")
    answer = (await heat("GET", f"{url}/history")).json
    shown = printed(answer)
    heads = [line for line in shown.splitlines() if not line.startswith("      ")]
    assert [re.sub(r" +", " ", line).strip() for line in heads] == [
        "#3* UPDATE_COMPLETE again TIME N s by u",
        "#2 ROLLBACK_COMPLETE TIME N s by u",
        "#3* UPDATE_FAILED TIME N s by u",
        "#2 UPDATE_COMPLETE TIME N s by u",
        "#1 CREATE_COMPLETE TIME N s by u",
    ]
    assert "      changed: template; parameters secret\n      1 created\n        + c\n" in shown
    assert (
        "      changed: parameters word\n      failed: a: The thing cannot be this word. (HTTP 409)" in shown
    )
    assert shown.endswith("      2 created\n        + a, b\n")

    first = (await heat("GET", f"{url}/history/1")).json
    assert "c" not in first["template"]["resources"]
    second = (await heat("GET", f"{url}/history/2")).json
    assert second["environment"]["parameters"]["secret"] == "******"
    assert (await heat("GET", f"{url}/history/9")).status == 404
    assert (await heat("GET", f"/v1/{PROJECT}/stacks/s/history")).status == 302


async def test_only_the_newest_revisions_are_kept(tmp_path: Path) -> None:
    stand = Stand(tmp_path, max_revisions_per_stack=3)
    await stand.engine()
    heat = Client(stand, Service(stand.parts(), Tokens()))
    try:
        url = await heat.create()
        await heat.until(url, "CREATE_COMPLETE")
        for number in range(5):
            await update(heat, url, TEMPLATE, word=f"word {number}")
            await heat.until(url, "UPDATE_COMPLETE")
        found = (await heat("GET", f"{url}/history")).json
        assert found["revisions"] == [4, 5, 6]
        assert len(found["history"]) == 6
        from samovar.orchestration.engine.tables import definitions

        kept = await stand.database.read(lambda c: len(c.execute(definitions.select()).all()))
        assert kept == 3
    finally:
        await stand.close()


def test_texts_of_others_are_shown_harmless() -> None:
    entry = {
        "revision": None, "current": False, "action": "CHECK", "status": "FAILED", "retry": False,
        "user_name": "eve\x1b[2J", "created_at": "2026-01-01T00:00:00Z", "seconds": None, "changed": [],
        "done": {}, "failures": [{"resource": "a", "text": "\x1b]0;x\x07"}],
    }  # fmt: skip
    text = history_text({"history": [entry]}, datetime.datetime.now(datetime.UTC))
    assert "\x1b" not in text and "\x07" not in text
