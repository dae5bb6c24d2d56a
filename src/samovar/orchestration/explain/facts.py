# SPDX-License-Identifier: Apache-2.0
"""What is recorded of a stack and its nested stacks, read at one moment."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, select

from samovar.diagnostics import Diagnostics, Place
from samovar.orchestration.engine.definitions import Definition, load_definition
from samovar.orchestration.engine.rows import OPEN, Operation, Resource, Stack
from samovar.orchestration.engine.store import (
    children,
    current_rows,
    get_operation,
    get_stack,
    list_resources,
)
from samovar.orchestration.engine.tables import engines, operations
from samovar.orchestration.engine.vault import Vault
from samovar.orchestration.templates.source import Tree, read

GROUP_SECTIONS = ("resources", "Resources")


@dataclass
class Level:
    """One stack of the tree. `parent` is the level above, `rows` all its rows, oldest first."""

    stack: Stack
    definition: Definition | None
    rows: list[Resource]
    operation: Operation | None
    parent: Level | None = None
    below: dict[str, Level] = field(default_factory=dict)  # by the stack's id

    @cached_property
    def current(self) -> dict[str, Resource]:
        return current_rows(self.rows)

    @property
    def path(self) -> str:
        """`resources.a.resources.b`; empty for the root."""
        if self.parent is None:
            return ""
        return self.parent.path_of(self.stack.parent_resource or "")

    def path_of(self, name: str) -> str:
        """The path of a resource of this stack."""
        return f"{self.path}.resources.{name}" if self.path else f"resources.{name}"

    def walk(self) -> Iterator[Level]:
        """This level and all below."""
        yield self
        for level in self.below.values():
            yield from level.walk()

    # The template

    @cached_property
    def file(self) -> str:
        """What the file of the template is called; empty when it came from no file."""
        definition = self.definition
        if definition is None or not isinstance(definition.template, str):
            return ""
        if self.parent is None:
            return definition.file or "template"
        return next((name for name, text in definition.files.items() if text == definition.template), "")

    @cached_property
    def _tree(self) -> Tree | None:
        if not self.file or self.definition is None:
            return None
        return read(self.definition.template, self.file, Diagnostics())

    def place_of(self, name: str) -> tuple[Place, str] | None:
        """Where a resource stands in its template, and the line; of a group's member the group's place."""
        tree = self._tree
        if tree is None or self.definition is None:
            return self.parent.place_of(self.stack.parent_resource or "") if self.parent else None
        for section in GROUP_SECTIONS:
            known = tree.data.get(section) if isinstance(tree.data, dict) else None
            if isinstance(known, dict) and name in known:
                place = tree.places.of((section, name))
                lines = self.definition.template.splitlines()
                if place is not None and 1 <= place.line <= len(lines):
                    return place, lines[place.line - 1]
        return None


def path_named(text: str) -> str:
    """The path that a person means: ``web/server`` and ``resources.web.resources.server`` are the same."""
    if text.startswith("resources."):
        return text
    return ".".join(f"resources.{name}" for name in text.split("/"))


@dataclass
class Facts:
    """A stack with everything below it. `nested_operations` are by stack id, for stacks that may be gone."""

    root: Level
    now: datetime.datetime
    older: Operation | None = None  # open, and in front of the newest
    failed: Operation | None = None  # what a rollback undid
    nested_operations: dict[str, Operation] = field(default_factory=dict)
    engines: list[dict[str, Any]] = field(default_factory=list)


def read_facts(connection: Connection, vault: Vault, stack: Stack, now: datetime.datetime) -> Facts:
    """Read the tree below a stack; nothing is asked of a cloud."""
    facts = Facts(_level(connection, vault, stack, None), now)
    facts.older = _older(connection, facts.root.operation)
    facts.engines = [dict(row) for row in connection.execute(_on_duty).mappings()]
    if stack.action == "ROLLBACK":
        facts.failed = _rolled_back(connection, stack)
        if facts.failed is not None:
            _collect_nested(connection, facts, facts.failed)
    return facts


_on_duty = (
    select(engines).where(engines.c.stopped_at.is_(None)).order_by(engines.c.reported_at.desc()).limit(10)
)


def _level(connection: Connection, vault: Vault, stack: Stack, parent: Level | None) -> Level:
    gone = stack.deleted_at is not None
    level = Level(
        stack,
        load_definition(connection, vault, stack.definition_id),
        [] if gone else list_resources(connection, vault, stack.id),
        get_operation(connection, stack.operation_id) if stack.operation_id else None,
        parent,
    )
    if not gone:
        for child in children(connection, stack.id):
            level.below[child.id] = _level(connection, vault, child, level)
    return level


def _older(connection: Connection, newest: Operation | None) -> Operation | None:
    if newest is None:
        return None
    query = (
        select(operations)
        .where(
            operations.c.stack_id == newest.stack_id,
            operations.c.turn < newest.turn,
            operations.c.status.in_(OPEN),
        )
        .order_by(operations.c.turn)
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else Operation.of(row)


def _rolled_back(connection: Connection, stack: Stack) -> Operation | None:
    query = (
        select(operations)
        .where(operations.c.stack_id == stack.id, operations.c.failures.is_not(None))
        .order_by(operations.c.turn.desc())
    )
    for row in connection.execute(query).mappings():
        if row["action"] != "ROLLBACK" and row["failures"]:
            return Operation.of(row)
    return None


def _collect_nested(connection: Connection, facts: Facts, operation: Operation) -> None:
    """The operations of nested stacks that a failure leads to."""
    for failure in operation.failures or ():
        child = failure["cause"].get("nested")
        if not child or child in facts.nested_operations or get_stack(connection, child) is None:
            continue
        query = (
            select(operations)
            .where(operations.c.stack_id == child, operations.c.request_id == operation.request_id)
            .order_by(operations.c.turn.desc())
        )
        for row in connection.execute(query).mappings():
            if row["failures"]:
                found = facts.nested_operations[child] = Operation.of(row)
                _collect_nested(connection, facts, found)
                break


__all__ = ["Facts", "Level", "path_named", "read_facts"]
