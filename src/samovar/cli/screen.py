# SPDX-License-Identifier: Apache-2.0
"""Where progress is shown: a tree drawn in place on a terminal, a line for each step elsewhere."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterator
from typing import Any

from samovar.diagnostics import printable

from .stack_tree import Branch, StackTree

STYLES = {"✗": "red", "✓": "green", "…": "yellow", "·": "dim"}
REFRESH_SECONDS = 0.5
LONGEST_END = 60  # lines of the tree that stays on the terminal


class Lines:
    """For a file or a pipe."""

    live = False

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def step(self, branch: Branch, now: datetime.datetime) -> None:
        """Something began, ended, or paused."""
        line = step_line(branch, now)
        if line:
            self._print(line)

    def signal(self, branch: Branch, text: str) -> None:
        """Somebody signalled it."""
        self._print(f"  ⚑ {branch.path}  {printable(text)}")

    def wait(self, branch: Branch) -> None:
        """A wait lasts."""
        self._print(f"  … {branch.path}  waits for {printable(branch.waits)}")

    def draw(self, tree: StackTree, now: datetime.datetime) -> None:
        pass

    def end(self, tree: StackTree, now: datetime.datetime) -> None:
        self._print(ending(tree, now))

    def _print(self, text: str) -> None:
        if not self._quiet:
            print(text, flush=True)


def step_line(branch: Branch, now: datetime.datetime) -> str:
    """A step in one line; empty when it is not worth one."""
    if branch.status == "IN_PROGRESS":
        return ""
    if branch.action == "INIT":
        return f"  ⏸ {branch.path}  {branch.reason}"
    seconds = branch.seconds(now)
    took = f"  {seconds:.1f} s" if seconds is not None else ""
    line = f"  {branch.mark} {branch.path}  {branch.state}{took}"
    return f"{line}\n      {printable(branch.reason)}" if branch.status == "FAILED" else line


def ending(tree: StackTree, now: datetime.datetime) -> str:
    """How it ended, and how long it took."""
    seconds = tree.root.seconds(now)
    took = f" in {seconds:.1f} s" if seconds is not None else ""
    return f"{tree.root.name}: {tree.status}{took}"


def tree_lines(tree: StackTree, now: datetime.datetime, most: int) -> list[tuple[str, str, str, str]]:
    """(indented mark and name, state, time, remark) of what is worth the most when `most` lines are all."""
    found = list(_rows(tree.root, 0, lambda _branch: True))
    total = len(found)
    if total > most:
        found = list(_rows(tree.root, 0, lambda branch: branch.restless))[:most]
    shown = [_columns(branch, depth, now) for branch, depth in found]
    if total > len(found):
        shown.append((f"  … and {total - len(found)} more", "", "", ""))
    return shown


def _rows(branch: Branch, depth: int, worth: Any) -> Iterator[tuple[Branch, int]]:
    for each in branch.below.values():
        if worth(each):
            yield each, depth
            yield from _rows(each, depth + 1, worth)


def _columns(branch: Branch, depth: int, now: datetime.datetime) -> tuple[str, str, str, str]:
    seconds = branch.seconds(now)
    remark = branch.waits if branch.status == "IN_PROGRESS" and not branch.below else ""
    if branch.status == "FAILED" and not any(each.restless for each in branch.below.values()):
        remark = branch.reason.splitlines()[0] if branch.reason else ""
    name = f"{'  ' * (depth + 1)}{branch.mark} {printable(branch.name)}"
    return name, branch.state, f"{seconds:.1f} s" if seconds is not None else "", printable(remark)


class Terminal(Lines):
    """Drawn in place; the tree stays when it has ended."""

    live = True

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.live import Live

        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def step(self, branch: Branch, now: datetime.datetime) -> None:
        if branch.action == "INIT":
            self._console.print(step_line(branch, now), style="yellow", markup=False)

    def signal(self, branch: Branch, text: str) -> None:
        pass

    def wait(self, branch: Branch) -> None:
        pass

    def draw(self, tree: StackTree, now: datetime.datetime) -> None:
        self._live.update(self._picture(tree, now, max(self._console.height - 3, 3)), refresh=True)

    def end(self, tree: StackTree, now: datetime.datetime) -> None:
        self._live.stop()
        self._console.print(self._picture(tree, now, LONGEST_END))
        style = "bold red" if tree.failed else "bold green"
        self._console.print(ending(tree, now), style=style, markup=False)

    def _picture(self, tree: StackTree, now: datetime.datetime, most: int) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        done, total = tree.counts()
        head = Table.grid(padding=(0, 1))
        seconds = tree.root.seconds(now)
        head.add_row(
            Text(tree.root.name, style="bold"),
            Text(tree.status, style="dim"),
            ProgressBar(total=max(total, 1), completed=done, width=30),
            Text(f"{done}/{total}"),
            Text(f"{seconds:.1f} s" if seconds is not None else "", style="dim"),
        )
        lines = tree_lines(tree, now, most)
        widths = [max((len(line[column]) for line in lines), default=0) for column in range(3)]
        drawn = []
        for name, state, took, remark in lines:
            line = Text(f"{name:<{widths[0]}}", style=STYLES.get(name.strip()[:1], ""), no_wrap=True)
            line.append(f"  {state:<{widths[1]}}", style="dim")
            line.append(f"  {took:>{widths[2]}}  ")
            line.append(remark, style="dim")
            line.truncate(self._console.width - 1, overflow="ellipsis")
            drawn.append(line)
        return Group(head, *drawn)


def screen(quiet: bool = False) -> Lines:
    """What fits standard output."""
    return Lines(quiet) if quiet or not sys.stdout.isatty() else Terminal()


__all__ = ["Lines", "Terminal", "ending", "screen", "step_line", "tree_lines"]
