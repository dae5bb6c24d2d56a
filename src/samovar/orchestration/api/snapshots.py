# SPDX-License-Identifier: Apache-2.0
"""Snapshots of stacks: this version cannot make any, so that no stack has one."""

from __future__ import annotations

from typing import Any

from samovar.web import Api, Call, NotSupported

from .desk import STACK, Desk
from .faults import not_found


class Snapshots:
    """The handlers of ``…/snapshots``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self, api: Api) -> None:
        add, one = self.desk.add, f"{STACK}/snapshots/{{snapshot}}"
        add(api, "POST", f"{STACK}/snapshots", self.create, "stacks:snapshot")
        add(api, "GET", f"{STACK}/snapshots", self.index, "stacks:list_snapshots")
        add(api, "GET", one, self.absent, "stacks:show_snapshot")
        add(api, "DELETE", one, self.absent, "stacks:delete_snapshot")
        add(api, "POST", f"{one}/restore", self.absent, "stacks:restore_snapshot")

    async def create(self, call: Call) -> Any:
        await self.desk.find(call, live=True)
        raise NotSupported("Snapshots of stacks cannot be made in this version.", type="NotSupported")

    async def index(self, call: Call) -> dict[str, Any]:
        await self.desk.find(call, live=True)
        return {"snapshots": []}

    async def absent(self, call: Call) -> Any:
        stack = await self.desk.find(call, live=True)
        raise not_found("Snapshot", f"{call.path['snapshot']} of Stack {stack.name}")
