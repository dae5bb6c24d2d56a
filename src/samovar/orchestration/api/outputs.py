# SPDX-License-Identifier: Apache-2.0
"""Outputs of a stack."""

from __future__ import annotations

from typing import Any

from samovar.web import Api, Call

from .desk import STACK, Desk
from .faults import not_found
from .render import output_shown


class Outputs:
    """The handlers of ``…/outputs``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self, api: Api) -> None:
        self.desk.add(api, "GET", f"{STACK}/outputs", self.index, "stacks:list_outputs")
        self.desk.add(api, "GET", f"{STACK}/outputs/{{key}}", self.show, "stacks:show_output")

    async def index(self, call: Call) -> dict[str, Any]:
        loaded = await self.desk.describe(call, await self.desk.find(call, live=True))
        return {
            "outputs": [
                {"output_key": name, "description": output.description or "No description given"}
                for name, output in loaded.template.outputs.items()
            ]
        }

    async def show(self, call: Call) -> dict[str, Any]:
        loaded = await self.desk.load(call, await self.desk.find(call, live=True))
        key = call.path["key"]
        if key not in loaded.template.outputs:
            raise not_found("Output", key, "NotFound")
        return {"output": await output_shown(loaded, key)}
