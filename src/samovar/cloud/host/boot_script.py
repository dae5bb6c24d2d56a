# SPDX-License-Identifier: Apache-2.0
"""Pure: a boot script in the making, lines of the words of ``boot.sh`` and the files they use."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

__all__ = ["BootScript"]


@dataclass
class BootScript:
    """``lines`` are shell; ``files`` are found in /run/samovar/files by the names that ``file`` gave them."""

    lines: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def word(self, word: str, *arguments: str) -> None:
        """One line: a word of boot.sh with its arguments, quoted."""
        self.lines.append(" ".join([word, *(shlex.quote(argument) for argument in arguments)]))

    def once(self, name: str, steps: BootScript) -> None:
        """Let the ``steps`` run on the first boot of an instance only."""
        self.warnings += steps.warnings
        if steps.lines:
            self.lines += [f"if once {name}; then", *(f"    {line}" for line in steps.lines), "fi"]

    def part(self) -> BootScript:
        """Steps to be added later; they share our files."""
        return BootScript(files=self.files)

    def file(self, content: bytes) -> str:
        name = str(len(self.files))
        self.files[name] = content
        return name

    def warn(self, sentence: str) -> None:
        """Told on the server's console, in the place where it belongs, and to whoever asked for the
        script.
        """
        self.warnings.append(sentence)
        self.word("warn", sentence)
