# SPDX-License-Identifier: Apache-2.0
"""Which handler a path leads to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from samovar.clients import InProcess
from samovar.web import Api, Call, Fault, Prefixes


def api() -> Api:
    def render(fault: Fault, call: Call) -> tuple[Any, dict[str, str]]:
        return {"error": fault.message}, {}

    async def told(call: Call) -> Any:
        return {"path": dict(call.path)}

    async def plain(call: Call) -> Any:
        return {"plain": True}

    made = Api("things", render_fault=render)
    made.route("GET", "/things/{id}", told, public=True)
    made.route("GET", "/things/detail", plain, public=True)  # after the pattern that it also fits
    made.route("GET", "/things/{id}/parts/{part}", told, public=True)
    made.route("GET", "/things/{id}/{rest:path}", told, public=True)
    made.route("GET", "/{anything}", told, public=True)
    return made


@pytest.mark.parametrize("mounted", ["", "/shop"])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/things/7", {"path": {"id": "7"}}),
        ("/things/detail", {"plain": True}),
        ("/things/7/parts/8", {"path": {"id": "7", "part": "8"}}),
        ("/things/7/parts/8/9", {"path": {"id": "7", "rest": "parts/8/9"}}),
        ("/things", {"path": {"anything": "things"}}),
        ("/things/", None),
        ("/other/7", None),
    ],
)
async def test_the_path_leads_to_the_most_exact_route(mounted: str, path: str, expected: Any) -> None:
    application = Prefixes({mounted: api().asgi()}, api().asgi()) if mounted else api().asgi()
    transport = InProcess(application)
    answer = await transport.send("GET", f"http://test{mounted}{path}", {}, None, 5)
    if expected is None:
        assert answer.status == 404
    else:
        assert answer.status == 200
        assert json.loads(answer.body) == expected
