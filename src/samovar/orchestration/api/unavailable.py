# SPDX-License-Identifier: Apache-2.0
"""Routes of the API that this version does not serve: they say so, after the policy has been asked."""

from __future__ import annotations

from typing import Any

from samovar.web import Api, Call, NotSupported

from .desk import STACK, Desk

ROUTES = (
    ("POST", f"{STACK}/snapshots", "stacks:snapshot", "Snapshots of stacks"),
    ("GET", f"{STACK}/snapshots", "stacks:list_snapshots", "Snapshots of stacks"),
    ("GET", f"{STACK}/snapshots/{{snapshot}}", "stacks:show_snapshot", "Snapshots of stacks"),
    ("DELETE", f"{STACK}/snapshots/{{snapshot}}", "stacks:delete_snapshot", "Snapshots of stacks"),
    ("POST", f"{STACK}/snapshots/{{snapshot}}/restore", "stacks:restore_snapshot", "Snapshots of stacks"),
)


class Unavailable:
    """The handlers of what is not there."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self, api: Api) -> None:
        for method, path, rule, what in ROUTES:
            self.desk.add(api, method, path, self._refuse(what), rule)

    @staticmethod
    def _refuse(what: str) -> Any:
        async def refuse(_call: Call) -> Any:
            raise NotSupported(f"{what} are not available in this version.", type="NotSupported")

        return refuse
