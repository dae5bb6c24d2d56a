# SPDX-License-Identifier: Apache-2.0
"""Lets these tests use the engine's stand, and gives them an API on it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "engine"))
sys.path.insert(0, str(Path(__file__).parent))

from heat_client import Client, Tokens
from stand import Stand

from samovar.orchestration.api import Service


@pytest.fixture
async def heat(tmp_path: Path) -> AsyncIterator[Client]:
    stand = Stand(tmp_path)
    await stand.engine()
    yield Client(stand, Service(stand.parts(), Tokens()))
    await stand.close()
