# SPDX-License-Identifier: Apache-2.0
"""What is written down of amphorae while their servers and ports are seen to."""

from __future__ import annotations

from typing import Any, cast
from unittest.mock import AsyncMock

import msgspec
import pytest

from samovar.config import AmphoraSettings
from samovar.database import utcnow
from samovar.loadbalancer.worker.amphorae import Amphorae
from samovar.loadbalancer.worker.rows import Amphora

from ..haproxy.trees import tree

MISSING = cast(Any, None)
ROW = Amphora("one", "lb", "PENDING_CREATE", "STANDALONE", None, None, None, None, None, None, utcnow())


@pytest.fixture
def amphorae(monkeypatch: pytest.MonkeyPatch) -> Amphorae:
    """Of a cloud in which everything is there already."""
    port = {"id": "port", "fixed_ips": [{"ip_address": "10.0.0.9"}]}

    def answer(value: Any) -> Any:
        async def given(*_: Any, **__: Any) -> Any:
            return value

        return given

    for name, value in (
        ("_port", port),
        ("_update_port", None),
        ("_server", {"id": "server"}),
        ("_address", "192.0.2.9"),
        ("_attach", None),
    ):
        monkeypatch.setattr(Amphorae, name, answer(value))
    return Amphorae(MISSING, AmphoraSettings(), AsyncMock(), MISSING, MISSING, MISSING)


@pytest.mark.parametrize(("before", "after"), [("PENDING_CREATE", "BOOTING"), ("ALLOCATED", "ALLOCATED")])
async def test_an_amphora_in_service_stays_in_service(amphorae: Amphorae, before: str, after: str) -> None:
    """Else a change that fails half way makes a load balancer that carries traffic an ERROR, unwatched."""
    row = msgspec.structs.replace(ROW, status=before)
    assert (await amphorae.ensure(row, tree(), [], [])).noted["status"] == after
