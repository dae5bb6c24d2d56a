# SPDX-License-Identifier: Apache-2.0
"""Whether what the database says is what there is: nothing stuck, twice, forgotten, or untrue."""

from __future__ import annotations

from typing import Any

from far_cloud import SimulatedCloud
from random_templates import CONDITION, HANDLE, PROVIDER, THING
from surroundings import Store

from samovar.orchestration.engine import Vault
from samovar.orchestration.engine.definitions import load_definition
from samovar.orchestration.engine.rows import Resource, Stack, physical_name
from samovar.orchestration.engine.store import children, get_stack, list_resources
from samovar.orchestration.engine.tables import operations, resources, stacks


class Untrue(AssertionError):
    """What a schedule proved wrong, in words."""


class Verdict:
    """Compares the store with the cloud when nothing is under way any more."""

    def __init__(self, store: Store, vault: Vault, cloud: SimulatedCloud) -> None:
        self._store, self._vault, self._cloud = store, vault, cloud

    def nothing_under_way(self) -> None:
        """No stack or resource is in progress when no operation is open, and no operation is half done."""
        query = operations.select().where(operations.c.status.in_(("WAITING", "RUNNING")))
        for row in self._store.read(lambda c: c.execute(query).mappings().all()):
            raise Untrue(f"the operation {row['action']} of {row['stack_id']} is still {row['status']}")
        for stack in self._store.read(lambda c: c.execute(stacks.select()).mappings().all()):
            if stack["status"] == "IN_PROGRESS":
                raise Untrue(f"no work is left and {stack['name']} is {stack['action']}_IN_PROGRESS")
        for row in self._store.read(lambda c: c.execute(resources.select()).mappings().all()):
            if row["status"] == "IN_PROGRESS":
                raise Untrue(f"no work is left and resource {row['name']} is {row['action']}_IN_PROGRESS")

    def no_duplicates(self) -> None:
        if self._cloud.duplicates:
            raise Untrue(f"made twice: {', '.join(self._cloud.duplicates)}")

    def no_orphans(self) -> None:
        """Each thing belongs to a row of a stack that is there: by id, or by the name that was meant."""
        live = {row["id"]: Stack.of(row) for row in self._store.read(lambda c: c.execute(stacks.select()).mappings().all()) if row["deleted_at"] is None}  # fmt: skip
        ids, names = set(), set()
        for stack in live.values():
            for row in self.rows(stack):
                if row.physical_id is not None:
                    ids.add(row.physical_id)
                else:
                    names.add(physical_name(stack.name, row))
        for thing in self._cloud.things.values():
            if thing.id not in ids and thing.name not in names:
                raise Untrue(f"an orphan: {thing.id} {thing.name}")
        for stack in live.values():
            if stack.owner_id is not None and stack.owner_id not in live:
                raise Untrue(f"the nested stack {stack.name} has lost its parent")

    def rows(self, stack: Stack) -> list[Resource]:
        return self._store.read(lambda c: list_resources(c, self._vault, stack.id))

    def complete(self, identity: str, template: dict[str, Any] | None) -> None:
        """A complete stack is what its template (None: its stored one) says, down to the values."""
        stack = self._store.read(lambda c: get_stack(c, identity))
        assert stack is not None
        stored = self._store.read(lambda c: load_definition(c, self._vault, stack.definition_id))
        if stored is None:
            raise Untrue(f"{stack.name} has no definition")
        if template is not None and stored.template != template:
            raise Untrue(
                f"{stack.name} is {stack.action}_COMPLETE with another template than the accepted one"
            )
        self._matches(stack, stored.template)

    def _matches(self, stack: Stack, template: dict[str, Any] | str) -> None:
        rows = {row.name: row for row in self.rows(stack)}
        if len(rows) != len(self.rows(stack)):
            raise Untrue(f"{stack.name} keeps replaced rows")
        wanted = _resources(template)
        if rows.keys() != wanted.keys():
            raise Untrue(f"{stack.name} has rows {sorted(rows)} for the resources {sorted(wanted)}")
        nested = {child.id: child for child in self._store.read(lambda c: children(c, stack.id))}
        for name, definition in wanted.items():
            row = rows[name]
            if definition["type"] in (HANDLE, CONDITION):
                if row.status != "COMPLETE":
                    raise Untrue(f"{stack.name} is complete and {row.name} is {row.action}_{row.status}")
                continue
            if definition["type"] == THING:
                self._thing_matches(stack, row, definition, rows)
                continue
            child = nested.pop(row.physical_id or "", None)
            if child is None:
                raise Untrue(f"{stack.name}.{name} has no nested stack")
            self._matches(child, _inner(self._store, self._vault, child))
            if "count" in definition.get("properties", {}):
                there = len(self.rows(child))
                if there != definition["properties"]["count"]:
                    raise Untrue(f"{stack.name}.{name} has {there} members")
        if nested:
            raise Untrue(
                f"{stack.name} has nested stacks of nobody: {[child.name for child in nested.values()]}"
            )

    def _thing_matches(
        self, stack: Stack, row: Resource, definition: dict[str, Any], rows: dict[str, Resource]
    ) -> None:
        thing = self._cloud.things.get(row.physical_id or "")
        if thing is None or thing.going_at is not None:
            raise Untrue(f"{stack.name}.{row.name} is {row.action}_{row.status} and its object is gone")
        if row.status != "COMPLETE":
            raise Untrue(f"{stack.name} is complete and {row.name} is {row.action}_{row.status}")
        for key, value in definition.get("properties", {}).items():
            expected = value
            if isinstance(value, dict) and "get_resource" in value:
                expected = rows[value["get_resource"]].physical_id
            elif isinstance(value, dict):
                source = self._cloud.things.get(
                    rows.get(value.get("get_attr", [""])[0], row).physical_id or ""
                )
                if value.get("get_attr", [""])[0] == "nest" or source is None or "get_attr" not in value:
                    continue
                expected = source.values.get("value")
            if thing.values.get(key) != expected:
                raise Untrue(
                    f"{stack.name}.{row.name} has {key}={thing.values.get(key)!r}, wanted {expected!r}"
                )


def _inner(store: Store, vault: Vault, child: Stack) -> Any:
    stored = store.read(lambda c: load_definition(c, vault, child.definition_id))
    return stored.template if stored is not None else {}


def _resources(template: Any) -> dict[str, Any]:
    if isinstance(template, str):
        from samovar.orchestration.templates.parser import load

        names = list(load(template).resources)
        return {name: {"type": THING, "properties": {}} for name in names}
    found: dict[str, Any] = template.get("resources") or {}
    return found


__all__ = ["PROVIDER", "Untrue", "Verdict"]
