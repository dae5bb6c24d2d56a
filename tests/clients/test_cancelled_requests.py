# SPDX-License-Identifier: Apache-2.0
"""Whoever stops waiting for a change learns only then that it is over, so that what it made can be found."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from samovar.clients import Cloud, InProcess, TokenCredentials

TOKEN = {
    "token": {
        "user": {"id": "u"},
        "project": {"id": "p"},
        "catalog": [
            {"type": "network", "endpoints": [{"interface": "public", "url": "http://here/network"}]}
        ],
    }
}


async def test_a_request_that_changes_something_is_not_broken_off_halfway() -> None:
    begun, done = asyncio.Event(), []

    async def slow(scope: Any, _receive: Any, send: Any) -> None:
        if scope["method"] != "GET":
            begun.set()
            await asyncio.sleep(0.2)
            done.append(scope["path"])
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await send({"type": "http.response.body", "body": json.dumps(TOKEN).encode()})

    cloud = Cloud("http://here/identity/v3", TokenCredentials("t"), transport=InProcess(slow))
    asking = asyncio.create_task(cloud.request("network", "POST", "/ports", json={}))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert done == ["/network/ports"]
