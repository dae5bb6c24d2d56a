# SPDX-License-Identifier: Apache-2.0
"""An update that gives only what is to change: the rest is what the stack has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from samovar.orchestration.engine.definitions import Definition
from samovar.orchestration.templates import Environment, Template, load_environment
from samovar.web import BadRequest


@dataclass(frozen=True, slots=True)
class Kept:
    """What a PATCH goes on from."""

    environment: Environment
    cleared: frozenset[str]

    def under(self, given: Environment, template: Template) -> Environment:
        """The request's environment on top of what the stack has.

        Parameters that are cleared, and those that the template no longer declares, are left out.
        """
        old = {
            name: value
            for name, value in self.environment.parameters.items()
            if name in template.parameters and name not in self.cleared
        }
        return given.on_top_of(replace(self.environment, parameters=old))


def merged_body(found: Definition, body: Mapping[str, Any]) -> tuple[dict[str, Any], Kept]:
    """A PATCH body completed with the template and the files that the stack has, and its environment."""
    merged = dict(body)
    if body.get("template") is None and not body.get("template_url"):
        merged["template"] = found.template
        merged.setdefault("template_file", found.file)
    merged["files"] = {**found.files, **(body.get("files") or {})}
    cleared = body.get("clear_parameters") or []
    if not isinstance(cleared, list):
        raise BadRequest("clear_parameters must be a list of names.", type="HTTPBadRequest")
    return merged, Kept(load_environment(found.environment), frozenset(map(str, cleared)))
