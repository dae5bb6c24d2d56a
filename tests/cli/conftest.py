# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "orchestration" / "engine"))
sys.path.insert(0, str(Path(__file__).parent.parent / "orchestration" / "api"))

from commands import Command


@pytest.fixture
def samovar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Our command line, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return Command(tmp_path, capsys)
