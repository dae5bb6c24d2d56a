# SPDX-License-Identifier: Apache-2.0
"""Where every key and value of a parsed text stands, kept beside the plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from samovar.diagnostics import Place

# key line, key column, key length, value line, value column, value length; all counted from 0.
Mark = tuple[int, int, int, int, int, int]


class Places:
    """Positions of one file, by the identity of the containers: the data themselves stay plain.

    The owner keeps the data alive as long as this.
    """

    __slots__ = ("_marks", "file", "root")

    def __init__(
        self, file: str, root: Any = None, marks: dict[int, dict[Any, Mark] | list[Mark]] | None = None
    ) -> None:
        self.file = file
        self.root = root
        self._marks = marks if marks is not None else {}

    def of(self, path: Sequence[str | int], key: Any = None) -> Place | None:
        """Where the key (or list item) at the end of the path stands; `key` is one more step.

        When the last steps don't exist, the nearest one above that does.
        """
        mark, is_key = self._find((*path, key) if key is not None else path)
        if mark is None:
            return None
        line, column, length = mark[:3] if is_key else mark[3:]
        return Place(self.file, line + 1, column + 1, max(1, length))

    def value(self, path: Sequence[str | int]) -> Place | None:
        """Where the value at the end of the path starts."""
        mark, _ = self._find(path)
        if mark is None:
            return None
        return Place(self.file, mark[3] + 1, mark[4] + 1, max(1, mark[5]))

    def _find(self, path: Sequence[str | int]) -> tuple[Mark | None, bool]:
        node, found, is_key = self.root, None, True
        for step in path:
            marks = self._marks.get(id(node))
            if isinstance(marks, dict):
                mark = marks.get(step) if isinstance(step, (str, int, float, bool)) else None
                is_dict = True
            elif isinstance(marks, list) and isinstance(step, int) and 0 <= step < len(marks):
                mark = marks[step]
                is_dict = False
            else:
                break
            if mark is None:
                break
            found, is_key = mark, is_dict
            node = node[step]
        return found, is_key
