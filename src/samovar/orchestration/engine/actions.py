# SPDX-License-Identifier: Apache-2.0
"""Actions on what exists: suspend, resume, check, snapshot. No template is compared, rows are visited."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from samovar.graph import Graph

from .children import act_on_child, ask_child, request_for_child, wait_for_child
from .events import STATE_CHANGED
from .failures import StepFailed
from .rows import COMPLETE, FAILED, IN_PROGRESS, Resource
from .snapshots import NOTES, child_snapshot_id, take_snapshot
from .stack_run import StackRun
from .steps import Steps

TEMPLATE_CHECKED = frozenset(
    {"SUSPEND", "RESUME", "CHECK"}
)  # these fail for what the template has and was never made
RESUMABLE = frozenset({("SUSPEND", COMPLETE), ("RESUME", FAILED), ("RESUME", COMPLETE)})


class StackAction:
    """One action on every current row: suspending goes against the dependencies, the others along them."""

    def __init__(self, run: StackRun, action: str, details: Mapping[str, Any]) -> None:
        self.run, self.action, self.details = run, action, details
        self.steps = Steps(run)
        self._rows = {row.id: row for row in run.current.values() if not row.never_made}
        self._missing: dict[str, str] = {}  # node -> name of a resource that was never made
        if action in TEMPLATE_CHECKED:
            there = {row.name for row in self._rows.values()}
            self._missing = {f"no row of {name}": name for name in run.scope.enabled if name not in there}

    def graph(self) -> Graph[str]:
        graph: Graph[str] = Graph()
        for row in self._rows.values():
            needed = [other for other in row.requires if other in self._rows]
            if self.action == "SUSPEND":
                graph.add(row.id)
                for other in needed:
                    graph.add(other, [row.id])
            else:
                graph.add(row.id, needed)
        for node in self._missing:
            graph.add(node)
        return graph

    def begin(self, row_id: str) -> Coroutine[Any, Any, None] | None:
        if row_id in self._missing:
            name = self._missing[row_id]
            told = (
                f"There is nothing to {self.action.lower()}: it was never made. Update the stack to make it."
            )
            raise StepFailed("ResourceFailure", f"resources.{name}", told)
        row = self._rows[row_id]
        done = row.operation_id == self.run.operation.id and row.action == self.action
        if done and row.status == COMPLETE:
            return None  # an earlier holder of this operation did it
        self._must_be_ready(row)
        if self.action == "CHECK" and self._looks_away(row):
            self.run.unsupported_checks = True
            row.operation_id = self.run.operation.id
            self.steps.end(row, "CHECK", f"CHECK not supported for {row.type}", whole=True)
            return None
        return self.steps.act(row, self.action, lambda: self._act(row))

    def _must_be_ready(self, row: Resource) -> None:
        """Refuse to act on what is not there, or on what another action left half done. Raises StepFailed."""
        again = row.action == self.action
        if self.action == "RESUME":
            good = row.state in RESUMABLE or again
        elif self.action == "SUSPEND":
            good = row.status == COMPLETE or again
        else:
            good = (again or row.status != IN_PROGRESS) and not (row.failed and self._looks_away(row))
        if not good or row.physical_id is None:
            raise StepFailed(
                "ResourceFailure",
                f"resources.{row.name}",
                f"State {row.action}_{row.status} invalid for {self.action.lower()}",
            )

    def _looks_away(self, row: Resource) -> bool:
        """Whether the action would end well without a look at the object, and so hide what failed before."""
        if self.action == "CHECK":
            kind = self.run.kind_of_row(row)
            return not kind.nested and "check" not in kind.declared.handlers
        return self.action == "SNAPSHOT"

    async def _act(self, row: Resource) -> str | None:
        kind = self.run.kind_of_row(row)
        if kind.nested:
            if self.action == "SNAPSHOT":
                await self._snapshot_child(row)
            else:
                await act_on_child(self.run, row, self.action)
            return None
        declared = kind.declared
        handler = self.action.lower()
        context = self.run.context(row, declared)
        behaviour = self.run.behaviour(declared)
        users, user = self.run.signal_users, row.data.get("stack_user_id")
        if users is not None and user is not None and self.action in ("SUSPEND", "RESUME"):
            enabled = self.action == "RESUME"
            await self.run.persist(row, lambda: users.enable_user(user, enabled), "keystone")
        if handler not in declared.handlers:
            return None
        match self.action:
            case "SUSPEND":
                await self.run.persist(row, lambda: behaviour.suspend(context), declared.service)
            case "RESUME":
                await self.run.persist(row, lambda: behaviour.resume(context), declared.service)
            case "CHECK":
                await self.run.persist(row, lambda: behaviour.check(context), declared.service)
                return STATE_CHANGED
            case "SNAPSHOT":
                notes = await self.run.persist(row, lambda: behaviour.snapshot(context), declared.service)
                row.data[NOTES] = {"id": self.details["snapshot_id"], "notes": dict(notes)}
                await self.run.keep(row)
        await self.steps.progress(row, context, self.action)
        return None

    async def _snapshot_child(self, row: Resource) -> None:
        """Have the nested stack take a snapshot of its own, which belongs to this one."""
        whole = str(self.details["snapshot_id"])
        child = child_snapshot_id(whole, row.id)
        root = str(self.details.get("root_id") or whole)
        row.data[NOTES] = {"id": whole, "child": child}
        await self.run.keep(row)
        await wait_for_child(self.run, row)
        request = request_for_child(self.run, root_id=root)
        identity = row.physical_id or ""
        await ask_child(
            self.run,
            row,
            lambda c: take_snapshot(c, identity, None, request, identity=child, root_id=root)[1],
        )
