# SPDX-License-Identifier: Apache-2.0
"""samovar why: root causes of what failed, or what a stack waits for, since when and until when.

The exit status is 0 for a stack that is well, 2 for one that waits, 1 for one that failed.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import sys
from typing import Any, TextIO

from .chosen_cloud import session
from .main import CommandError
from .session import Orchestration, Refused
from .why_text import paint_ansi, paint_plain, why_text

STATUSES = {"healthy": 0, "failed": 1, "waiting": 2}


def run(options: argparse.Namespace) -> int:
    document = asyncio.run(_asked(options))
    if options.json or options.output == "json":
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print(shown(document, sys.stdout), end="")
    return STATUSES[document["verdict"]]


def shown(document: dict[str, Any], stream: TextIO) -> str:
    """The document as text that fits the stream."""
    paint = paint_ansi if stream.isatty() else paint_plain
    return why_text(document, datetime.datetime.now(datetime.UTC), paint)


async def _asked(options: argparse.Namespace) -> dict[str, Any]:
    async with session(options) as api:
        stack, identity = await api.find(options.stack)
        return await ask_why(api, stack, identity, options.resource)


async def ask_why(
    api: Orchestration, stack: dict[str, Any], identity: str, resource: str | None
) -> dict[str, Any]:
    """The document; of a Heat that has no such route, what can be told from its resources."""
    query = {"resource": resource} if resource else None
    try:
        found: dict[str, Any] = await api.ask("GET", f"/stacks/{identity}/why", query=query)
        return found
    except Refused as error:
        if error.kind == "EntityNotFound" and resource:
            raise CommandError(error.args[0]) from error
        if error.status != 404:
            raise
    from .plain_heat import why_of_plain_heat

    return await why_of_plain_heat(api, stack, identity, resource)
