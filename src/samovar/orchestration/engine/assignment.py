# SPDX-License-Identifier: Apache-2.0
"""What an operation is about: everything stored that its work begins with, and the graph of that work."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from samovar.clients import Cloud
from samovar.graph import CycleError, Graph

from .actions import StackAction
from .converge import Converge, Node
from .deferred import CredentialsMissing, Deferred, credentials_of, load_deferred
from .definitions import Definition, load_definition
from .ending import CONVERGING
from .parts import Parts
from .pursuit import Pursuit
from .rows import Operation, Resource, Stack
from .scribe import LeaseLost
from .snapshot_removal import SnapshotRemoval
from .snapshots import Snapshot, load_snapshot, snapshot_tree, snapshots_of
from .stack_run import StackRun
from .store import MANY, get_operation, get_stack, has_more_resources, list_resources

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Assignment:
    """One operation and its stack, as they were when the operation was taken up."""

    parts: Parts
    operation: Operation
    stack: Stack
    definition: Definition | None
    deferred: Deferred | None
    rows: list[Resource]

    async def path(self) -> list[str]:
        """The names of the resources that lead here from the root stack."""

        def query(connection: Connection) -> list[str]:
            path: list[str] = []
            stack: Stack | None = self.stack
            while stack is not None and stack.owner_id is not None:
                path.append(stack.parent_resource or "")
                stack = get_stack(connection, stack.owner_id)
            return path[::-1]

        return await self.parts.database.read(query) if self.stack.owner_id is not None else []

    async def root_keeps(self) -> bool:
        """Whether what fails is left as it is: the root stack decides for all that are nested in it."""
        if self.stack.owner_id is None:
            return self.stack.disable_rollback
        root = await self.parts.database.read(lambda c: get_stack(c, self.stack.root_id))
        return root is None or root.disable_rollback

    def cloud(self, permit: Callable[[], None]) -> Cloud | None:
        """The cloud as the stack's owner; `permit` is asked before each request."""
        if self.deferred is None:
            return None
        try:
            cloud = self.parts.cloud_for(credentials_of(self.deferred, self.parts.trustee))
        except CredentialsMissing as error:
            log.warning("stack %s: %s", self.stack.name, error)
            return None
        cloud.permit = permit
        return cloud

    async def snapshots(self) -> list[Snapshot]:
        """Those that this operation is about: one restored or removed, or all of a stack that goes."""
        parts, identity = self.parts, self.operation.details.get("snapshot_id")

        def query(connection: Connection) -> list[Snapshot]:
            if self.operation.action == "DELETE":
                own = [each.id for each in snapshots_of(connection, parts.vault, self.stack.id)]
                return snapshot_tree(connection, parts.vault, own)
            if self.operation.action == "DELETE_SNAPSHOT":
                return snapshot_tree(connection, parts.vault, [str(identity)])
            found = load_snapshot(connection, parts.vault, str(identity))
            return [found] if found is not None else []

        wanted = identity is not None or self.operation.action == "DELETE"
        return await parts.database.read(query) if wanted else []

    async def pursuit(self, run: StackRun, kept: list[Snapshot]) -> Pursuit[Any]:
        """The walk through all that is to be done; rows of what is new are written down."""
        action = self.operation.action
        if action == "DELETE_SNAPSHOT":
            removal = SnapshotRemoval(run, kept)
            return Pursuit(removal.graph(), removal.begin, keep_going=True)
        if action in CONVERGING or action == "DELETE":
            removing = action == "DELETE"
            observing = bool(self.operation.details.get("converge"))
            converge = Converge(
                run,
                removing=removing,
                observing=observing,
                removal=SnapshotRemoval(run, kept) if removing and kept and not run.retaining else None,
            )
            if kept and not removing:
                run.kept = kept[0].kept
            graph = converge.graph()
            await converge.write_rows()
            try:
                return Pursuit(graph, converge.begin)
            except CycleError:
                if not removing:
                    raise
                # A stack can always be deleted, whatever its rows say of each other.
                flat: Graph[Node] = Graph(dict.fromkeys(graph, ()))
                return Pursuit(flat, converge.begin)
        acting = StackAction(run, action, self.operation.details)
        return Pursuit(acting.graph(), acting.begin, keep_going=action == "CHECK")


async def load_assignment(parts: Parts, operation_id: str, stack_id: str) -> Assignment:
    """Read what an operation begins with. Raises LeaseLost when it is gone."""

    def query(connection: Connection) -> Assignment:
        operation = get_operation(connection, operation_id)
        stack = get_stack(connection, stack_id)
        if operation is None or stack is None:
            raise LeaseLost(f"operation {operation_id} is gone")
        wanted = operation.definition_id or ("" if operation.action == "ROLLBACK" else stack.definition_id)
        definition = load_definition(connection, parts.vault, wanted) if wanted else None
        deferred = None
        if stack.credentials_id is not None:
            deferred = load_deferred(connection, parts.vault, stack.credentials_id)
        rows = list_resources(connection, parts.vault, stack_id)
        return Assignment(parts, operation, stack, definition, deferred, rows)

    many = await parts.database.read(lambda c: has_more_resources(c, stack_id, MANY))
    return await (parts.database.read_much if many else parts.database.read)(query)


__all__ = ["Assignment", "load_assignment"]
