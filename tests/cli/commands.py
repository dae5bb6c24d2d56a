# SPDX-License-Identifier: Apache-2.0
"""Our commands run in this process, for tests that need no cloud."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from samovar.cli.main import main


@dataclass
class Command:
    """Runs a command in a folder; a state directory that nobody uses is given."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """(exit status, standard output, standard error)"""
        status = main([*arguments, "--state-dir", str(self.folder / "no-state")])
        printed = self.capture.readouterr()
        return status, printed.out, printed.err

    def write(self, **files: str) -> None:
        """Write files; in a name `__` stands for a slash and `_` at the end for nothing."""
        for name, text in files.items():
            path = self.folder / (name.replace("__", "/") + ".yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def places(findings: list[dict[str, Any]]) -> list[tuple[str, str, int, int]]:
    """(code, file, line, column) of findings in JSON."""
    return sorted(
        (each["code"], each["place"]["file"], each["place"]["line"], each["place"]["column"])
        for each in findings
    )
