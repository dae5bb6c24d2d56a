# SPDX-License-Identifier: Apache-2.0
"""An update that gives only what is to change: the rest is what the stack has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.orchestration.engine.definitions import Definition
from samovar.orchestration.templates import load, load_environment
from samovar.web import BadRequest


def merged_body(found: Definition, body: Mapping[str, Any]) -> dict[str, Any]:
    """A PATCH body completed with what the stack has already."""
    merged = dict(body)
    if body.get("template") is None and not body.get("template_url"):
        merged["template"] = found.template
        merged.setdefault("template_file", found.file)
    merged["files"] = {**found.files, **(body.get("files") or {})}
    cleared = body.get("clear_parameters") or []
    if not isinstance(cleared, list):
        raise BadRequest("clear_parameters must be a list of names.", type="HTTPBadRequest")
    old = load_environment(found.environment).as_dict()
    kept = {name: value for name, value in old["parameters"].items() if name not in cleared}
    given = body.get("environment")
    new = load_environment(given if given != "" else None).as_dict() if given is not None else {}
    new_parameters = {**(new.get("parameters") or {}), **(body.get("parameters") or {})}
    if body.get("environment_files"):
        merged["parameters"] = {**kept, **(body.get("parameters") or {})}
    else:
        registry = {**old["resource_registry"], **(new.get("resource_registry") or {})}
        merged["environment"] = {
            "parameter_defaults": {**old["parameter_defaults"], **(new.get("parameter_defaults") or {})},
            "resource_registry": registry,
            "event_sinks": new.get("event_sinks") or old["event_sinks"],
        }
        merged["parameters"] = {**kept, **new_parameters}
    declared = set(load(merged["template"]).parameters) if merged.get("template") is not None else None
    if declared is not None:
        merged["parameters"] = {
            name: value
            for name, value in merged["parameters"].items()
            if name in declared or name in new_parameters
        }
    return merged
