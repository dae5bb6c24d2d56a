# SPDX-License-Identifier: Apache-2.0
"""Definitions: what a stack should be, stored once per change; the files in them once per content."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, exists, insert, select

from samovar.database import new_id, utcnow
from samovar.orchestration.templates import load

from .tables import definition_files, definitions, files, revisions, snapshots
from .vault import Vault

_select = select(definitions).where(definitions.c.id == bindparam("wanted"))
_insert = insert(definitions)
_those: BindParameter[Any] = bindparam("those", expanding=True)
_files = select(files).where(files.c.digest.in_(_those))
_known_files = select(files.c.digest).where(files.c.digest.in_(_those))
_in_snapshots = select(snapshots.c.definition_id).where(snapshots.c.stack_id == bindparam("stack"))
_in_history = select(revisions.c.definition_id).where(revisions.c.stack_id == bindparam("stack"))
_unused = select(definitions.c.id).where(
    definitions.c.stack_id == bindparam("stack"),
    definitions.c.id.not_in(_those),
    definitions.c.id.not_in(_in_snapshots),
    definitions.c.id.not_in(_in_history),
)
_links = definition_files.c.definition_id.in_(_those)
_linked = select(definition_files.c.digest).where(_links).distinct()
_forget_links = delete(definition_files).where(_links)
_forget = delete(definitions).where(definitions.c.id.in_(_those))
_forget_files = delete(files).where(
    files.c.digest.in_(_those), ~exists().where(definition_files.c.digest == files.c.digest)
)


@dataclass(slots=True)
class Definition:
    """A template as it was given, its environment (parameters included), and the files it names."""

    template: Any
    environment: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()  # parameters whose values are stored encrypted
    facade: dict[str, Any] | None = None  # of the resource in the parent that this stack implements
    id: str = field(default_factory=new_id)
    created_at: datetime.datetime = field(default_factory=utcnow)
    file: str | None = None  # what the user calls the file of the template

    @property
    def parameters(self) -> dict[str, Any]:
        found: dict[str, Any] = self.environment.get("parameters") or {}
        return found

    def emptied(self) -> Definition:
        """The same version of the template language, without anything in it."""
        version = load(self.template).version
        return Definition({version.key: version.date})


EMPTY: Mapping[str, Any] = {"heat_template_version": "2021-04-16", "resources": {}}


def weight(definition: Definition) -> int:
    """How much there is to read in a definition: about its resources and the kilobytes of its files."""
    template = definition.template
    if isinstance(template, Mapping):
        resources = template.get("resources") or template.get("Resources")
        size = len(resources) if isinstance(resources, Mapping) else 0
    else:
        size = len(template) // 100
    return max(20, size + sum(map(len, definition.files.values())) // 1024)


def store_definition(connection: Connection, vault: Vault, stack_id: str, definition: Definition) -> None:
    """Write a definition and those of its files that are not there yet."""
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in definition.files.items()}
    wanted = {digests[name]: text for name, text in definition.files.items()}
    if wanted:
        known = set(connection.execute(_known_files, {"those": list(wanted)}).scalars())
        missing = [
            {"digest": digest, "content": text} for digest, text in wanted.items() if digest not in known
        ]
        if missing:
            connection.execute(insert(files), missing)
    environment, secret = _part(definition.environment, definition.hidden)
    connection.execute(
        _insert,
        {
            "id": definition.id,
            "stack_id": stack_id,
            "template": definition.template,
            "environment": environment,
            "secrets": vault.seal(secret) if secret else None,
            "files": digests,
            "facade": definition.facade,
            "file": definition.file,
            "created_at": definition.created_at,
        },
    )
    if wanted:
        links = [{"definition_id": definition.id, "digest": digest} for digest in wanted]
        connection.execute(insert(definition_files), links)


def load_definition(connection: Connection, vault: Vault, identity: str) -> Definition | None:
    """The definition with its files and hidden values, or None when it is gone."""
    row = connection.execute(_select, {"wanted": identity}).mappings().first()
    if row is None:
        return None
    names: dict[str, str] = row["files"]
    contents: dict[str, str] = {}
    if names:
        found = connection.execute(_files, {"those": sorted(set(names.values()))}).all()
        by_digest = {row.digest: row.content for row in found}
        contents = {name: by_digest[digest] for name, digest in names.items()}
    environment: dict[str, Any] = row["environment"]
    hidden: frozenset[str] = frozenset()
    if row["secrets"]:
        secret = vault.open(row["secrets"])
        hidden = frozenset(name for values in secret.values() for name in values)
        for section, values in secret.items():
            environment[section] = {**environment.get(section, {}), **values}
    return Definition(
        row["template"],
        environment,
        contents,
        hidden,
        row["facade"],
        row["id"],
        row["created_at"],
        row["file"],
    )


def drop_unused_definitions(connection: Connection, stack_id: str, keep: Iterable[str | None]) -> None:
    """Forget the definitions of a stack that nothing refers to any more, and the files only they had."""
    kept = [identity for identity in keep if identity]
    unused = list(connection.execute(_unused, {"stack": stack_id, "those": kept}).scalars())
    if not unused:
        return
    digests = list(connection.execute(_linked, {"those": unused}).scalars())
    connection.execute(_forget_links, {"those": unused})
    connection.execute(_forget, {"those": unused})
    if digests:
        connection.execute(_forget_files, {"those": digests})


def _part(environment: Mapping[str, Any], hidden: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The environment without hidden values, and those values by section."""
    shown = dict(environment)
    secret: dict[str, Any] = {}
    for section in ("parameters", "parameter_defaults"):
        values = environment.get(section) or {}
        if hidden & values.keys():
            secret[section] = {name: value for name, value in values.items() if name in hidden}
            shown[section] = {name: value for name, value in values.items() if name not in hidden}
    return shown, secret


__all__ = [
    "EMPTY",
    "Definition",
    "drop_unused_definitions",
    "load_definition",
    "store_definition",
    "weight",
]
