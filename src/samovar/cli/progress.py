# SPDX-License-Identifier: Apache-2.0
"""Live progress of a stack, until its action has ended.

The stream of events tells what began and what ended; the list of resources, looked at now and then while
something goes on, tells what an active one waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import time

from .happenings import DEPTH, happenings
from .screen import REFRESH_SECONDS, Lines, screen
from .session import Orchestration, Refused
from .stack_tree import StackTree

LOOK_SECONDS = 1.0
LOOK_SHARE = 20  # a list that takes long is asked for more rarely


async def follow(
    api: Orchestration, identity: str, name: str, *, after: str | None, quiet: bool = False
) -> StackTree:
    """Show what happens to the stack from the event `after` on, until its action has ended."""
    tree, shown = StackTree(name, identity.rpartition("/")[2]), screen(quiet)
    ended = asyncio.Event()
    with shown:
        tasks = [
            asyncio.create_task(_listen(api, identity, tree, shown, after, ended)),
            asyncio.create_task(_look(api, identity, tree, shown, ended)),
        ]
        try:
            await _drawn(tree, shown, tasks, ended)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    shown.end(tree, _now())
    return tree


async def _drawn(
    tree: StackTree, shown: Lines, tasks: list[asyncio.Task[None]], ended: asyncio.Event
) -> None:
    """Draw until the end; what goes wrong in a task is raised."""
    while not ended.is_set():
        shown.draw(tree, _now())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REFRESH_SECONDS):
                await ended.wait()
        for task in tasks:
            if task.done() and task.exception() is not None:
                task.result()


async def _listen(
    api: Orchestration, identity: str, tree: StackTree, shown: Lines, after: str | None, ended: asyncio.Event
) -> None:
    async for events in happenings(api, identity, after):
        now = _now()
        for event in events:
            before = tree.status
            branch = tree.see(event, now)
            if branch is not None:
                signal = event["resource_status"].startswith("SIGNAL")
                if signal:
                    shown.signal(branch, event["resource_status_reason"])
                else:
                    shown.step(branch, now)
            elif tree.ended and tree.status != before and not await _goes_on(api, identity, tree):
                ended.set()
                return


async def _goes_on(api: Orchestration, identity: str, tree: StackTree) -> bool:
    """Whether another action has begun already, as a rollback does after a failure."""
    if tree.status.endswith("_COMPLETE"):
        return False
    try:
        stack = (await api.ask("GET", f"/stacks/{identity}", query={"resolve_outputs": "false"}))["stack"]
    except Refused:
        return False
    return bool(stack["stack_status"].endswith("IN_PROGRESS"))


async def _look(
    api: Orchestration, identity: str, tree: StackTree, shown: Lines, ended: asyncio.Event
) -> None:
    """Look at the resources now and then: waits, and the end of what left no events behind."""
    while True:
        began = time.monotonic()
        try:
            query = {"resolve_outputs": "false"}
            stack = (await api.ask("GET", f"/stacks/{identity}", query=query))["stack"]
            resources = (await api.ask("GET", f"/stacks/{identity}/resources", query=DEPTH))["resources"]
        except Refused as error:
            if error.status != 404:
                raise
            ended.set()  # deleted, and its last event was missed
            return
        for branch in tree.look(resources, _now()):
            shown.wait(branch)
        if not stack["stack_status"].endswith("IN_PROGRESS"):
            await asyncio.sleep(LOOK_SECONDS)  # its events are on their way, where there are any
            if not ended.is_set():
                tree.status, tree.reason = stack["stack_status"], stack["stack_status_reason"]
                ended.set()
            return
        await asyncio.sleep(max(LOOK_SECONDS, LOOK_SHARE * (time.monotonic() - began)))


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


__all__ = ["follow"]
