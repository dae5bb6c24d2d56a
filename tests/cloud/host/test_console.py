# SPDX-License-Identifier: Apache-2.0
"""The last lines of a console, however long it is and whatever is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from samovar.cloud.host.console import tail, trim


@pytest.mark.parametrize(
    ("content", "lines", "expected"),
    [
        (b"", 5, ""),
        (b"a\nb\nc\n", 2, "b\nc\n"),
        (b"a\nb\nc", 2, "b\nc"),
        (b"a\nb\n", 10, "a\nb\n"),
        (b"a\nb\n", None, "a\nb\n"),
        (b"a\nb\n", 0, ""),
        (b"a\nb\n", -1, ""),
        (b"\xff\xfe\n", None, "\ufffd\ufffd\n"),
        (b"x" * 50_000 + b"\nlast\n", 1, "last\n"),
    ],
)
def test_tail(tmp_path: Path, content: bytes, lines: int | None, expected: str) -> None:
    path = tmp_path / "console.log"
    path.write_bytes(content)
    assert tail(path, lines) == expected


def test_nothing_written_yet(tmp_path: Path) -> None:
    assert tail(tmp_path / "none", 5) == ""
    trim(tmp_path / "none")


def test_trim_gives_the_head_back_and_keeps_the_end(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    kept = 1 << 16
    with path.open("ab", buffering=0) as writer:
        for number in range(60_000):
            if number % 1000 == 0:
                trim(path, kept)
            writer.write(b"line %d\n" % number)
    trim(path, kept)
    assert path.stat().st_blocks * 512 <= 2 * kept
    text = tail(path, None, kept)
    assert text.endswith("line 59999\n")
    assert tail(path, 3, kept) == "line 59997\nline 59998\nline 59999\n"
    assert "\0" not in text
