# SPDX-License-Identifier: Apache-2.0
"""Live progress of a stack: a bar over its resources, a line for each active one, the first failure pinned.

The events tell what began and what ended; the resource list tells what an active one waits for. On a
terminal the picture is drawn in place; elsewhere each step is a line of its own.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from .session import Orchestration

POLL_SECONDS = 0.1
DETAIL_SECONDS = 1.0
DEPTH = {"nested_depth": 5}


@dataclass(slots=True)
class Active:
    """A resource that something is being done to."""

    action: str
    since: float
    waits: str = ""


@dataclass(slots=True)
class Picture:
    """What is known of a stack's progress; `see` takes one event."""

    name: str
    began: float
    total: int = 0
    done: set[str] = field(default_factory=set)
    active: dict[str, Active] = field(default_factory=dict)
    failure: str = ""
    status: str = ""

    def see(self, event: dict[str, Any], now: float) -> str | None:
        """Take one event in; return a line that tells of it, or None when it is not worth one."""
        resource = event["resource_name"]
        action, _, state = event["resource_status"].rpartition("_")
        if state == "PROGRESS":
            action = action.removesuffix("_IN")
        if resource == self.name and event["physical_resource_id"] == _stack_id(event):
            self.status = event["resource_status"]
            return None
        path = _path(event)
        if state == "PROGRESS":
            self.active[path] = Active(action, now)
            return None
        started = self.active.pop(path, None)
        seconds = f"{now - started.since:.1f} s" if started else ""
        if state == "FAILED":
            line = (
                f"  ✗ {path}  {event['resource_status']}  {seconds}\n      {event['resource_status_reason']}"
            )
            self.failure = self.failure or line
            return line
        if action == "INIT":
            return f"  ⏸ {path}  {event['resource_status_reason']}"
        self.done.add(path)
        return f"  ✓ {path}  {event['resource_status']}  {seconds}".rstrip()

    @property
    def ended(self) -> bool:
        return self.status.endswith(("_COMPLETE", "_FAILED"))


def _stack_id(event: dict[str, Any]) -> str:
    link = next((link["href"] for link in event["links"] if link["rel"] == "stack"), "")
    return str(link.rsplit("/", 1)[-1])


def _path(event: dict[str, Any]) -> str:
    """`resource`, or `stack/resource` for a nested stack's."""
    links = {link["rel"]: link["href"] for link in event["links"]}
    root = links.get("root_stack")
    if root and root != links.get("stack"):
        nested = links["stack"].rsplit("/", 2)[-2]
        return f"{nested}/{event['resource_name']}"
    return str(event["resource_name"])


async def follow(api: Orchestration, identity: str, name: str, *, after: str | None, quiet: bool) -> None:
    """Show what happens to the stack from the event `after` on, until its action has ended."""
    picture = Picture(name, time.monotonic())
    screen = _screen(quiet)
    marker, looked = after, 0.0
    with screen:
        while not picture.ended:
            query = {**DEPTH, "sort_dir": "asc", "limit": 500, **({"marker": marker} if marker else {})}
            events = (await api.ask("GET", f"/stacks/{identity}/events", query=query))["events"]
            now = time.monotonic()
            for event in events:
                marker = event["id"]
                line = picture.see(event, now)
                if line:
                    screen.line(line)
            if now - looked >= DETAIL_SECONDS:
                looked = now
                await _look(api, identity, picture)
            screen.draw(picture, now)
            if not events and not picture.ended:
                await _ended_silently(api, identity, picture)
                await asyncio.sleep(POLL_SECONDS)
    screen.end(picture, time.monotonic())


async def _look(api: Orchestration, identity: str, picture: Picture) -> None:
    resources = (await api.ask("GET", f"/stacks/{identity}/resources", query=DEPTH))["resources"]
    picture.total = len(resources)
    for resource in resources:
        active = picture.active.get(resource["resource_name"])
        if active and resource["resource_status"].endswith("IN_PROGRESS"):
            reason = resource["resource_status_reason"]
            active.waits = reason if reason != "state changed" else ""


async def _ended_silently(api: Orchestration, identity: str, picture: Picture) -> None:
    """An update that changes nothing may end before its events are looked for."""
    stack = (await api.ask("GET", f"/stacks/{identity}", query={"resolve_outputs": "false"}))["stack"]
    if not stack["stack_status"].endswith("IN_PROGRESS"):
        picture.status = stack["stack_status"]


class _Lines:
    """Progress for a file or a pipe."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def line(self, text: str) -> None:
        if not self._quiet:
            print(text, flush=True)

    def draw(self, picture: Picture, now: float) -> None:
        pass

    def end(self, picture: Picture, now: float) -> None:
        self.line(f"{picture.name}: {picture.status} in {now - picture.began:.1f} s")


class _Terminal(_Lines):
    """Progress drawn in place."""

    def __init__(self) -> None:
        super().__init__(False)
        from rich.console import Console
        from rich.live import Live

        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def line(self, text: str) -> None:
        style = (
            "red" if text.lstrip().startswith("✗") else "green" if text.lstrip().startswith("✓") else "yellow"
        )
        self._console.print(text, style=style, markup=False)

    def draw(self, picture: Picture, now: float) -> None:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        total = max(picture.total, len(picture.done) + len(picture.active), 1)
        head = Table.grid(padding=(0, 1))
        head.add_row(
            Text(picture.name, style="bold"),
            ProgressBar(total=total, completed=len(picture.done), width=30),
            Text(f"{len(picture.done)}/{total}"),
            Text(f"{now - picture.began:.1f} s", style="dim"),
        )
        rows = Table.grid(padding=(0, 2))
        for path, active in list(picture.active.items())[: max(self._console.height - 6, 3)]:
            rows.add_row(
                Text(f"  … {path}"),
                Text(active.action.lower(), style="dim"),
                Text(f"{now - active.since:.1f} s"),
                Text(active.waits, style="dim"),
            )
        failure = [Text(picture.failure, style="red")] if picture.failure else []
        self._live.update(Group(head, *failure, rows), refresh=True)

    def end(self, picture: Picture, now: float) -> None:
        style = "bold red" if picture.status.endswith("FAILED") else "bold green"
        text = f"{picture.name}: {picture.status} in {now - picture.began:.1f} s"
        self._console.print(text, style=style, markup=False)


def _screen(quiet: bool) -> _Lines:
    if quiet or not sys.stdout.isatty():
        return _Lines(quiet)
    return _Terminal()
