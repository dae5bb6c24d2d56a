# SPDX-License-Identifier: Apache-2.0
"""samovar retry: the action that failed again, with the same template; what is complete stays as it is."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from .chosen_cloud import session
from .main import CommandError
from .progress import follow
from .session import Orchestration, Refused

FAILED = "_FAILED"


def run(options: argparse.Namespace) -> int:
    try:
        return asyncio.run(_retry(options))
    except KeyboardInterrupt:
        told = f"Detached. The stack goes on; see it with: samovar watch {options.stack}"
        print(f"\n{told}", file=sys.stderr)
        return 130


async def _retry(options: argparse.Namespace) -> int:
    async with session(options) as api:
        stack, identity = await api.find(options.stack)
        newest = await api.ask("GET", f"/stacks/{identity}/events", query={"limit": 1})
        after = newest["events"][0]["id"] if newest["events"] else None
        await _ask(api, identity, stack["stack_status"])
        if not options.detach:
            await follow(api, identity, stack["stack_name"], after=after, quiet=options.json)
        query = {"resolve_outputs": "false"}
        stack = (await api.ask("GET", f"/stacks/{identity}", query=query))["stack"]
    status = stack["stack_status"]
    failed = status.endswith(FAILED) or status.startswith("ROLLBACK")
    if options.json:
        told = {"stack": {"name": stack["stack_name"], "id": stack["id"]}, "status": status}
        print(json.dumps({**told, "reason": stack["stack_status_reason"]}))
    elif failed:
        print(f"  why: samovar why {stack['stack_name']}", file=sys.stderr)
    return 1 if failed else 0


async def _ask(api: Orchestration, identity: str, status: str) -> None:
    """Have the service do it again; one that has no such action is given the same definition once more."""
    try:
        await api.ask("POST", f"/stacks/{identity}/actions", json={"retry": None})
    except Refused as error:
        if "nvalid action" not in str(error):
            raise
        if status not in ("CREATE_FAILED", "UPDATE_FAILED", "ROLLBACK_FAILED"):
            raise CommandError(
                f"the stack is {status}, and this cloud can only take up creates and updates again"
            ) from error
        await api.ask("PATCH", f"/stacks/{identity}", json={})
