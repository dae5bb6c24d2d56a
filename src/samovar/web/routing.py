# SPDX-License-Identifier: Apache-2.0
"""From a path to what serves it, without trying every route there is.

A path that is written out is looked up; of the others only those are tried that begin as the path does. The
more of it is written out, the sooner it is tried: ``/servers/detail`` comes before ``/servers/{id}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.convertors import Convertor
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Routes"]


@dataclass(frozen=True, slots=True)
class _Pattern:
    regex: re.Pattern[str]
    convertors: Mapping[str, Convertor[Any]]
    application: ASGIApp

    def parameters(self, path: str) -> dict[str, Any] | None:
        """What the path has for the names in the pattern; None when it does not fit."""
        found = self.regex.match(path)
        if found is None:
            return None
        return {name: self.convertors[name].convert(value) for name, value in found.groupdict().items()}


class Routes:
    """An ASGI application for requests: `applications` by their paths, in Starlette's ``{name}`` and
    ``{name:path}``; `default` answers what is at none of them."""

    def __init__(self, applications: Mapping[str, ASGIApp], default: ASGIApp) -> None:
        self._default = default
        self._plain: dict[str, ASGIApp] = {}
        patterns: dict[str, list[_Pattern]] = {}
        for path, application in applications.items():
            head, brace, _ = path.partition("{")
            if not brace:
                self._plain[path] = application
                continue
            regex, _, convertors = compile_path(path)
            patterns.setdefault(head, []).append(_Pattern(regex, convertors, application))
        self._patterns = sorted(patterns.items(), key=lambda item: -len(item[0]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._default(scope, receive, send)
            return
        application, parameters = self._find(_path(scope))
        scope["path_params"] = {**scope.get("path_params", {}), **parameters}
        await application(scope, receive, send)

    def _find(self, path: str) -> tuple[ASGIApp, Mapping[str, Any]]:
        plain = self._plain.get(path)
        if plain is not None:
            return plain, {}
        for head, patterns in self._patterns:
            if path.startswith(head):
                for pattern in patterns:
                    parameters = pattern.parameters(path)
                    if parameters is not None:
                        return pattern.application, parameters
        return self._default, {}


def _path(scope: Scope) -> str:
    """The path below where the application is mounted."""
    path: str = scope["path"]
    root = scope.get("root_path", "")
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
        return path[len(root) :]
    return path
