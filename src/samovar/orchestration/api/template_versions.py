# SPDX-License-Identifier: Apache-2.0
"""Template versions and the functions that each of them has."""

from __future__ import annotations

from typing import Any

from samovar.orchestration.templates import ALL_VERSIONS
from samovar.web import Api, Call

from .desk import PROJECT, Desk
from .faults import not_found
from .values import flag


class TemplateVersions:
    """The handlers of ``/template_versions``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self, api: Api) -> None:
        add = self.desk.add
        add(api, "GET", f"{PROJECT}/template_versions", self.index, "stacks:list_template_versions")
        functions = f"{PROJECT}/template_versions/{{version}}/functions"
        add(api, "GET", functions, self.functions, "stacks:list_template_functions")

    async def index(self, call: Call) -> dict[str, Any]:
        return {
            "template_versions": [
                {
                    "version": version.name,
                    "type": version.kind,
                    "aliases": [f"{version.key}.{version.alias}"] if version.alias else [],
                }
                for version in ALL_VERSIONS
            ]
        }

    async def functions(self, call: Call) -> dict[str, Any]:
        wanted = call.path["version"]
        for version in ALL_VERSIONS:
            if wanted in (version.name, f"{version.key}.{version.alias}"):
                break
        else:
            raise not_found("Template version", wanted, "NotFound")
        found = dict(version.functions)
        if flag(call, "with_condition_func"):
            found = {**version.condition_functions, **found}
        return {
            "template_functions": [
                {"functions": name, "description": _first_line(kind.__doc__)}
                for name, kind in sorted(found.items())
            ]
        }


def _first_line(text: str | None) -> str:
    return (text or "").strip().splitlines()[0] if text else ""
