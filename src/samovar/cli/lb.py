# SPDX-License-Identifier: Apache-2.0
"""samovar lb why, samovar lb watch: what of a load balancer works, what does not and why.

The exit status is 0 for one that is well, 2 for one that waits, 1 for one that is degraded or failed.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import difflib
import json
import sys
from typing import Any

from samovar.clients import segment

from .chosen_cloud import session
from .lb_text import lb_text
from .main import CommandError
from .session import Orchestration, Refused
from .why_text import paint_ansi, paint_plain

STATUSES = {"healthy": 0, "degraded": 1, "failed": 1, "waiting": 2}
LOOK_SECONDS = 1.0
SERVICE = "load-balancer"
ROOT = "/v2.0/lbaas/loadbalancers"
TIMES = ("heard_at", "silent", "milliseconds")


def run(options: argparse.Namespace) -> int:
    try:
        return asyncio.run(_watch(options) if options.lb_command == "watch" else _why(options))
    except KeyboardInterrupt:
        return 130


async def _why(options: argparse.Namespace) -> int:
    async with session(options) as api:
        why = await ask(api, await _find(api, options.name), configuration=options.configuration)
    if options.json or options.output == "json":
        print(json.dumps(why, indent=2, ensure_ascii=False))
    else:
        print(_text(why), end="")
    return STATUSES[why["verdict"]]


async def _watch(options: argparse.Namespace) -> int:
    """Until it is interrupted, deleted, or (asked to) settled."""
    async with session(options) as api:
        identity = await _find(api, options.name)
        page, why = _page(), {}
        with page:
            while True:
                try:
                    why = await ask(api, identity)
                except Refused as error:
                    if error.status != 404 or not why:
                        raise
                    page.over(f"{options.name} is gone")
                    return 0
                page.show(why)
                if options.settled and why["verdict"] != "waiting":
                    break
                await asyncio.sleep(LOOK_SECONDS)
    return STATUSES[why["verdict"]]


async def ask(api: Orchestration, identity: str, *, configuration: bool = False) -> dict[str, Any]:
    """The document. Raises CommandError, too, of an Octavia that has no such route."""
    query = {"configuration": "true"} if configuration else None
    found = await api.ask("GET", f"{ROOT}/{segment(identity)}/why", query=query, service=SERVICE)
    why = found.get("why")
    if why is None:  # Octavia takes the word for a field that is not there
        raise CommandError(
            "this cloud's load balancing service cannot tell why; see 'openstack loadbalancer status show'"
        )
    return dict(why)


async def _find(api: Orchestration, name: str) -> str:
    """The id of the load balancer of this name or id. Raises CommandError."""
    for key in ("name", "id"):
        found = (await api.ask("GET", ROOT, query={key: name}, service=SERVICE))["loadbalancers"]
        if len(found) > 1:
            raise CommandError(f"there are {len(found)} load balancers {name!r}; give the id of one")
        if found:
            return str(found[0]["id"])
    every = (await api.ask("GET", ROOT, query={"fields": "name"}, service=SERVICE))["loadbalancers"]
    names = sorted({str(one["name"]) for one in every})
    near = [one for one in names if name in one] or difflib.get_close_matches(name, names)
    meant = f"; did you mean {' or '.join(near[:3])}?" if near else "; see 'openstack loadbalancer list'"
    raise CommandError(f"there is no load balancer {name!r}{meant}")


def _text(why: dict[str, Any]) -> str:
    paint = paint_ansi if sys.stdout.isatty() else paint_plain
    return lb_text(why, datetime.datetime.now(datetime.UTC), paint)


def steady(value: Any) -> Any:
    """What is left when what always changes is taken out."""
    if isinstance(value, dict):
        return {key: steady(each) for key, each in value.items() if key not in TIMES}
    return [steady(each) for each in value] if isinstance(value, list) else value


class _Pages:
    """For a file or a pipe: the whole text whenever something has changed."""

    def __init__(self) -> None:
        self._before: Any = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, why: dict[str, Any]) -> None:
        if steady(why) != self._before:
            self._before = steady(why)
            stamp = datetime.datetime.now().strftime("%H:%M:%S")
            print(f"--- {stamp}\n{_text(why)}", flush=True)

    def over(self, text: str) -> None:
        print(text)


class _LivePage(_Pages):
    """Drawn in place."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.live import Live

        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="ellipsis")

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, why: dict[str, Any]) -> None:
        from rich.text import Text

        self._live.update(Text.from_ansi(_text(why)), refresh=True)

    def over(self, text: str) -> None:
        self._live.stop()
        print(text)


def _page() -> _Pages:
    return _LivePage() if sys.stdout.isatty() else _Pages()


__all__ = ["run"]
