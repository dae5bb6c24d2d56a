# SPDX-License-Identifier: Apache-2.0
"""Numbers, lists and expressions that nobody sends by accident: answered or refused, at once."""

from __future__ import annotations

import asyncio

import pytest
from heat_client import PROJECT, Client

HUGE = "9" * 20
STACKS = f"/v1/{PROJECT}/stacks"


async def test_numbers_without_measure(heat: Client) -> None:
    url = await heat.create(tags="a,b")
    await heat.until(url, "CREATE_COMPLETE")
    async with asyncio.timeout(5):
        for query in (f"limit={HUGE}", f"timeout_mins={HUGE}", "timeout_mins=x"):
            assert (await heat("GET", f"{STACKS}?{query}")).status == 200
        for path in ("events", "resources"):
            found = (await heat("GET", f"{url}/{path}?nested_depth={HUGE}")).json[path]
            assert found == (await heat("GET", f"{url}/{path}?nested_depth=5")).json[path] != []
        assert (await heat("GET", f"{url}/events?limit={HUGE}")).json["events"]
    for minutes in (int(HUGE), 1e30):
        assert (await heat("PATCH", url, {"timeout_mins": minutes})).status == 400


async def test_lists_without_end(heat: Client) -> None:
    url = await heat.create(tags="a,b")
    await heat.until(url, "CREATE_COMPLETE")
    many = ",".join(f"t{number}" for number in range(3000))
    count = {"tags": 0, "tags_any": 1, "not_tags": 1, "not_tags_any": 0}
    for name, length in count.items():
        found = (await heat("GET", f"{STACKS}?{name}=a,b,{many}")).json["stacks"]
        assert len(found) == length, name
    assert len((await heat("GET", f"{STACKS}?tags=b,a")).json["stacks"]) == 1
    states = "&".join(f"status=S{number}_COMPLETE" for number in range(2000))
    assert (await heat("GET", f"{STACKS}?{states}")).json["stacks"] == []
    for status, length in (("COMPLETE", 1), ("CREATE_COMPLETE", 1), ("UPDATE_COMPLETE", 0), ("FAILED", 0)):
        found = (await heat("GET", f"{STACKS}?{states}&status={status}")).json["stacks"]
        assert len(found) == length, status


@pytest.mark.parametrize(
    "pattern", ["(.*)*(.*)*(.*)*(.*)*x$", "(" * 999, "(" * 5000, "a{99999999999}", "(?i", "[z-a]"]
)
async def test_expressions_that_take_too_long(heat: Client, pattern: str) -> None:
    async with asyncio.timeout(5):
        answer = await heat("GET", f"/v1/{PROJECT}/resource_types?name={pattern}")
    assert answer.status == 400 and "is no regular expression" in answer.text


async def test_expressions_for_names_of_types(heat: Client) -> None:
    for pattern in ("OS::Heat::(Rand|Val)", "(?i)os::heat::(rand|val)", "OS::Heat::(RandomString|Value)$"):
        found = (await heat("GET", f"/v1/{PROJECT}/resource_types?name={pattern}")).json["resource_types"]
        assert found == ["OS::Heat::RandomString", "OS::Heat::Value"], pattern
