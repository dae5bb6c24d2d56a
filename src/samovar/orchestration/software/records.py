# SPDX-License-Identifier: Apache-2.0
"""Configs and deployments: made, found, and as the API shows them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, or_, select

from samovar.database import new_id, utcnow

from .tables import software_configs, software_deployments

Values = Mapping[str, Any]
TYPES = ("String", "Number", "CommaDelimitedList", "Json", "Boolean")
UNGROUPED = "Heat::Ungrouped"
_INPUT = {"name": None, "type": "String", "default": None, "description": None, "value": None}
_OUTPUT = {"name": None, "type": "String", "description": None, "error_output": False}


class Invalid(ValueError):
    """What was given cannot be a config or a deployment; the text says why."""


class ConfigInUse(Exception):
    """Deployments refer to the config."""


# Configs


def config_of(given: Values) -> dict[str, Any]:
    """The columns of a new config. Raises Invalid."""
    unknown = sorted(set(given) - {"name", "group", "config", "inputs", "outputs", "options"})
    if unknown:
        raise Invalid(f"A software config has no {', '.join(unknown)}.")
    options = given.get("options") or {}
    if not isinstance(options, Mapping):
        raise Invalid("The options of a software config are a map.")
    return {
        "id": new_id(),
        "name": _text("name", given.get("name")),
        "group": _text("group", given.get("group")) or UNGROUPED,
        "config": given.get("config"),
        "inputs": [_declared("input", _INPUT, each) for each in _list("inputs", given.get("inputs"))],
        "outputs": [_declared("output", _OUTPUT, each) for each in _list("outputs", given.get("outputs"))],
        "options": dict(options),
        "created_at": utcnow(),
    }


def _text(what: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 255:
        raise Invalid(f"The {what} of a software config is a text of at most 255 characters.")
    return value


def _list(what: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Invalid(f"The {what} of a software config are a list.")
    return value


def _declared(what: str, fields: Values, given: Any) -> dict[str, Any]:
    """An input or output with its defaults; keys that say nothing are left out."""
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str) or not given["name"]:
        raise Invalid(f"Each {what} of a software config is a map with a name.")
    name = given["name"]
    allowed = {*fields, "replace_on_change"} if what == "input" else set(fields)
    unknown = sorted(set(map(str, given)) - allowed)
    if unknown:
        raise Invalid(f'The {what} "{name}" has keys that mean nothing: {", ".join(unknown)}.')
    kind = given.get("type") or "String"
    if kind not in TYPES:
        raise Invalid(f'The type of the {what} "{name}" is one of {", ".join(TYPES)}, not "{kind}".')
    found = {"name": name, "type": kind}
    if what == "output":
        found["error_output"] = bool(given.get("error_output", False))
    for key in ("default", "description", "value", "replace_on_change"):
        if key in given and given[key] is not None:
            found[key] = given[key]
    if what == "input" and "value" in given:
        found["value"] = given["value"]
    return found


def insert_config(connection: Connection, project_id: str, values: Values) -> None:
    connection.execute(insert(software_configs).values(project_id=project_id, **values))


def find_config(connection: Connection, project_id: str | None, identity: str) -> RowMapping | None:
    """The config with this id in the project (None: in any)."""
    query = select(software_configs).where(software_configs.c.id == identity)
    if project_id is not None:
        query = query.where(software_configs.c.project_id == project_id)
    return connection.execute(query).mappings().first()


def delete_config(connection: Connection, identity: str) -> None:
    """Raises ConfigInUse."""
    used = connection.execute(
        select(func.count())
        .select_from(software_deployments)
        .where(software_deployments.c.config_id == identity)
    ).scalar_one()
    if used:
        raise ConfigInUse(
            f"Software config with id {identity} can not be deleted as it is referenced by deployments."
        )
    connection.execute(delete(software_configs).where(software_configs.c.id == identity))


def full_config(row: Values | RowMapping) -> dict[str, Any]:
    """A config with everything it holds."""
    return {
        "id": row["id"],
        "name": row["name"],
        "group": row["group"],
        "creation_time": instant(row["created_at"]),
        "config": row["config"],
        "inputs": row["inputs"],
        "outputs": row["outputs"],
        "options": row["options"],
    }


# Deployments


def insert_deployment(connection: Connection, values: Values) -> None:
    connection.execute(insert(software_deployments).values(**values))


def find_deployment(connection: Connection, project_id: str | None, identity: str) -> RowMapping | None:
    query = select(software_deployments).where(software_deployments.c.id == identity)
    if project_id is not None:
        query = query.where(software_deployments.c.project_id == project_id)
    return connection.execute(query).mappings().first()


def deployment_shown(row: Values | RowMapping) -> dict[str, Any]:
    return {
        "id": row["id"],
        "server_id": row["server_id"],
        "config_id": row["config_id"],
        "input_values": row["input_values"],
        "output_values": row["output_values"],
        "action": row["action"],
        "status": row["status"],
        "status_reason": row["status_reason"],
        "creation_time": instant(row["created_at"]),
        "updated_time": instant(row["updated_at"]),
    }


def deployed_configs(connection: Connection, server_id: str, project_id: str | None) -> list[dict[str, Any]]:
    """The configs of a server's deployments, sorted by name, for who is of the project or its stack users."""
    query = (
        select(software_configs)
        .select_from(
            software_deployments.join(
                software_configs, software_configs.c.id == software_deployments.c.config_id
            )
        )
        .where(software_deployments.c.server_id == server_id)
        .order_by(software_configs.c.name, software_configs.c.created_at, software_configs.c.id)
    )
    if project_id is not None:
        query = query.where(
            or_(
                software_deployments.c.project_id == project_id,
                software_deployments.c.stack_user_project_id == project_id,
            )
        )
    return [full_config(row) for row in connection.execute(query).mappings()]


def instant(moment: datetime.datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
