# SPDX-License-Identifier: Apache-2.0
"""samovar watch: a stack's resources with their states and times, live, until its action has ended.

The exit status is 0 when it ended well (or nothing goes on and nothing has failed), 1 when it failed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from .chosen_cloud import session
from .progress import follow
from .session import Orchestration


def run(options: argparse.Namespace) -> int:
    try:
        return asyncio.run(_watch(options))
    except KeyboardInterrupt:
        print("\nDetached. The stack goes on.", file=sys.stderr)
        return 130


async def _watch(options: argparse.Namespace) -> int:
    async with session(options) as api:
        stack, identity = await api.find(options.stack)
        name = stack["stack_name"]
        after = await _before_this_action(api, identity, stack)
        tree = await follow(api, identity, name, after=after)
    if tree.failed:
        print(f"  why: samovar why {name}", file=sys.stderr)
    return 1 if tree.failed else 0


async def _before_this_action(api: Orchestration, identity: str, stack: dict[str, Any]) -> str | None:
    """The event before the present action began, so that its resources show since when they go on."""
    events = (await api.ask("GET", f"/stacks/{identity}/events", query={"limit": 1000}))["events"]
    for position, event in enumerate(events):  # newest first
        own = event["physical_resource_id"] == stack["id"]
        if own and event["resource_status"].endswith("_IN_PROGRESS"):
            return events[position + 1]["id"] if position + 1 < len(events) else None
    return None
