# SPDX-License-Identifier: Apache-2.0
"""Bringing a stack to its template: what to apply and clean up, in which order, and what each comes to.

    apply(name)  after apply of everything it requires
    clean(row)   after apply of its own name, and after clean of every row that requires it

Every row has a clean node; it does nothing for a row that still stands for its name. So a row that is
replaced on the way, or was left over by an earlier operation, goes when nobody needs it any more. What a
nested stack could not remove because something outside of it still used it, it removes in that clean node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from samovar.graph import Graph
from samovar.orchestration.plans import Action, Change, Observed, StoredStack, make_plan
from samovar.orchestration.plans.inputs import Desired, DesiredResource, Fate, Traits
from samovar.orchestration.resources.behaviour import Changes, ResourceGone
from samovar.orchestration.resources.replacement import ALWAYS_REPLACED
from samovar.orchestration.resources.traits import DeclaredTraits

from .events import STATE_CHANGED, resource_event
from .failures import StepFailed, step_failed
from .hooks import pause_at_hook
from .kinds import Kind
from .leaving import LEFT_OVER
from .loaded import NeedsAttribute
from .lookups import look_up_names, needs_look_up
from .nested import NestedSteps
from .pursuit import Fatal
from .rows import COMPLETE, FAILED, IN_PROGRESS, Resource
from .scribe import LeaseLost
from .snapshot_removal import SnapshotRemoval
from .snapshots import Kept
from .stack_run import StackRun
from .standing import Standing
from .steps import Steps
from .wanted import Wanted, evaluate, fingerprint_of, stored_resource, validate

Work = Coroutine[Any, Any, None]
ROWS_AT_ONCE = 500
LOOKS = ("CHECK", "SNAPSHOT")  # actions that change nothing


class Node(NamedTuple):
    """Something to do: apply the resource of this name, clean up the row of this id, or remove what a
    snapshot keeps under this key."""

    what: str
    key: str


def apply_node(name: str) -> Node:
    return Node("apply", name)


def clean_node(row_id: str) -> Node:
    return Node("clean", row_id)


def snapshot_node(key: str) -> Node:
    return Node("snapshot", key)


class Converge:
    """One traversal of one stack. `wanted_names` is empty when the stack is to go away altogether."""

    def __init__(
        self,
        run: StackRun,
        *,
        removing: bool = False,
        observing: bool = False,
        removal: SnapshotRemoval | None = None,
    ) -> None:
        self.run, self.removal = run, removal
        self.steps = Steps(run)
        self.nested = NestedSteps(run, self.steps)
        self.removing, self.observing = removing, observing
        self.standing = Standing(run)

    def graph(self) -> Graph[Node]:
        """Everything there is to do."""
        graph: Graph[Node] = Graph()
        names: Mapping[str, set[str]] = {} if self.removing else self.run.requirements
        existing = list(self.run.rows.values())
        for name, needed in names.items():
            graph.add(apply_node(name), [apply_node(other) for other in needed])
        needed_by: dict[str, list[Node]] = {}
        for row in existing:
            for other in row.requires:
                needed_by.setdefault(other, []).append(clean_node(row.id))
        for row in existing:
            before = list(needed_by.get(row.id, ()))
            if row.name in names:
                before.append(apply_node(row.name))
            graph.add(clean_node(row.id), before)
        for key in self.removal.keys() if self.removal is not None else ():
            graph.add(snapshot_node(key))
        return graph

    async def write_rows(self) -> None:
        """Write down a row for all that is new, a slice at a time: others get their turn in between.

        Raises RequestLimitExceeded.
        """
        run = self.run
        new = [] if self.removing else [name for name in run.requirements if name not in run.current]
        limited = bool(new) and run.stack.owner_id is not None
        on_the_way = await run.parts.tree_limit.claim(run, len(new)) if limited else None
        try:
            for made, name in enumerate(new, 1):
                self.standing.new_row(name, str(run.scope.enabled[name].resolved_type(run.scope)))
                if made % ROWS_AT_ONCE == 0:
                    await asyncio.sleep(0)
        finally:
            if on_the_way is not None:
                on_the_way()

    def begin(self, node: Node) -> Work | None:
        """Start a node's work; None when there is nothing to wait for."""
        if node.what == "snapshot":
            assert self.removal is not None
            return self.removal.begin(node.key)
        return self._apply(node.key) if node.what == "apply" else self._clean(node.key)

    # Applying

    def _apply(self, name: str) -> Work | None:
        before, after = self._hooks(name)
        if before is not None or after is not None:
            return self._apply_with_hooks(name, before, after)
        kept = self.run.kept.get(name)
        if kept is not None and kept.notes is not None:
            return self._apply_and_restore(name, kept)
        return self._apply_now(name)

    async def _apply_and_restore(self, name: str, kept: Kept) -> None:
        """Bring a resource to its definition, then to what the snapshot that is restored keeps of it."""
        work = self._apply_now(name)
        if work is not None:
            await work
        row = self.run.current[name]
        declared = self.run.kind_of_row(row).declared
        same = declared.name == kept.implementation and "restore" in declared.handlers
        if same and row.data.get("restored") != self.run.operation.id:
            await self.steps.restore(row, kept)

    def _hooks(self, name: str) -> tuple[str | None, str | None]:
        """The hooks at which applying a resource stops, before and after."""
        row, action = self.run.current[name], self.run.operation.action
        made = row.never_made or row.state == ("CREATE", IN_PROGRESS)
        verb = (
            "create" if made and action == "CREATE" else "update" if not made and action == "UPDATE" else ""
        )
        registry = self.run.texts.environment.registry
        before, after = (
            hook if verb and registry.has_hook(name, hook) else None
            for hook in (f"pre-{verb}", f"post-{verb}")
        )
        return before, after

    async def _apply_with_hooks(self, name: str, before: str | None, after: str | None) -> None:
        if before is not None:
            await pause_at_hook(self.run, self.run.current[name], before)
        work = self._apply_now(name)
        if work is not None:
            await work
        if after is not None:
            await pause_at_hook(self.run, self.run.current[name], after)

    def _apply_now(self, name: str) -> Work | None:
        if self.run.slow:
            return self._apply_with(name, None)
        try:
            wanted = evaluate(self.run, name)
            return self._decide(wanted)
        except NeedsAttribute as need:
            return self._apply_with(name, need)
        except Exception as error:
            return self._refused(name, error)

    async def _apply_with(self, name: str, need: NeedsAttribute | None) -> None:
        """Fetch attributes until the resource can be evaluated, then go on."""
        try:
            while True:
                if need is not None:
                    await self.run.fetch(need)
                try:
                    if self.run.slow:
                        wanted = await asyncio.to_thread(evaluate, self.run, name)
                    else:
                        wanted = evaluate(self.run, name)
                    break
                except NeedsAttribute as another:
                    need = another
            work = self._decide(wanted)
        except Exception as error:
            work = self._refused(name, error)
        if work is not None:
            await work

    def _decide(self, wanted: Wanted) -> Work | None:
        wanted.fingerprint = fingerprint_of(wanted)
        row = self.standing.row_for(wanted)
        declared = wanted.kind.declared
        if (
            row.fingerprint == wanted.fingerprint
            and row.status == COMPLETE
            and not row.never_made
            and row.action != "DELETE"
            and not wanted.kind.nested
            and not self.observing
            and declared.name not in ALWAYS_REPLACED
        ):
            self._note_requirements(row, wanted)
            given_up = self.standing.given_up.pop(wanted.name, None)
            if given_up is not None and declared.prepares_for_replace:
                return self.steps.take_back(row, given_up)
            return None
        if needs_look_up(wanted) or self.observing:
            return self._decide_with_cloud(row, wanted)
        validate(self.run, wanted)
        return self._act(row, wanted, {})

    async def _decide_with_cloud(self, row: Resource, wanted: Wanted) -> None:
        try:
            validate(self.run, wanted)
            service = wanted.kind.declared.service
            if needs_look_up(wanted):
                await self.run.persist(row, lambda: look_up_names(self.run, wanted), service)
            work = self._act(row, wanted, await self._observe(row, wanted))
        except Exception as error:
            work = self._refused(wanted.name, error)
        if work is not None:
            await work

    def _act(self, row: Resource, wanted: Wanted, observed: Mapping[str, Observed]) -> Work | None:
        """Do what the planner decides for one resource."""
        if row.never_made:
            return self._make(row, wanted)
        if row.state == ("CREATE", IN_PROGRESS) and row.fingerprint == wanted.fingerprint:
            return self._make(row, wanted)
        if row.state == ("ADOPT", IN_PROGRESS):
            return self._make(row, wanted)
        change = self._change(row, wanted, observed)
        if change.refusals:
            return self._refused_by_plan(row, change)
        match change.action:
            case Action.CREATE | Action.REPLACE:
                return self._replace(row, wanted, change)
            case Action.UPDATE:
                return self._update(row, wanted, change)
            case _:
                if wanted.kind.nested and "update" in self._restricted(wanted.name):
                    return self._update_unless_restricted(row, wanted, change)
                if wanted.kind.nested:
                    return self.nested.update(row, wanted)
                self._note_requirements(row, wanted)
                self._settle(row)
                return None

    def _settle(self, row: Resource) -> None:
        """A look at a resource, or its snapshot, that was broken off or failed is no flaw of it."""
        if row.status != COMPLETE and row.action in LOOKS:
            told = f"The {row.action.lower()} did not end; the resource is as it should be."
            self.steps.end(row, "UPDATE", told, counted=False)

    def _change(self, row: Resource, wanted: Wanted, observed: Mapping[str, Observed]) -> Change:
        restricted = self._restricted(wanted.name)
        desired = _OneResource(self.run.stack.name, wanted.desired(restricted), wanted.kind)
        stored = stored_resource(row)
        if wanted.kind.declared.signal_responder and not wanted.metadata:
            stored = replace(stored, metadata=wanted.metadata)  # what is there are its signals
        plan = make_plan(StoredStack((stored,)), desired, observed)
        change = plan.change_of(wanted.name)
        assert change is not None
        return change

    def _restricted(self, name: str) -> frozenset[str]:
        return frozenset(self.run.texts.environment.registry.restricted_actions(name))

    async def _update_unless_restricted(self, row: Resource, wanted: Wanted, change: Change) -> None:
        """Nothing of the resource itself changes: what is in it must not, either."""
        if await self.nested.would_change(row, wanted):
            refused = replace(change, refusals=("updating it is restricted by the environment",))
            await self._refused_by_plan(row, refused)
        self._note_requirements(row, wanted)

    def _make(self, row: Resource, wanted: Wanted) -> Work:
        if wanted.external_id is not None:
            return self.steps.adopt_external(row, wanted)
        if self.run.adopted is not None:
            return self._adopt(row, wanted, self.run.adopted.get(wanted.name))
        return self.nested.create(row, wanted) if wanted.kind.nested else self.steps.create(row, wanted)

    def _adopt(self, row: Resource, wanted: Wanted, entry: Any) -> Work:
        found = entry if isinstance(entry, Mapping) else {}
        was = found.get("type")
        if was is not None and was != wanted.kind.name:
            told = f"The object to take over was made as {was}, and the template wants {wanted.kind.name}."
            failure = StepFailed("ResourceFailure", f"resources.{wanted.name}", told)
            return self.steps.refuse(row, "ADOPT", failure)
        steps = self.nested if wanted.kind.nested else self.steps
        return steps.adopt(row, wanted, found)

    def _update(self, row: Resource, wanted: Wanted, change: Change) -> Work:
        if wanted.kind.nested:
            return self.nested.update(row, wanted)
        names = {each.name for each in change.properties}
        pending = row.definition.get("pending")
        if pending is not None:
            # An earlier update was broken off: what it may have applied counts as different, too.
            names |= {name for name, value in wanted.values.items() if pending.get(name) != value}
        changes = Changes(
            before=dict(row.properties or {}),
            after=wanted.values,
            names=frozenset(names),
            metadata="metadata" in change.aspects,
        )
        return self.steps.update(row, wanted, changes)

    def _replace(self, row: Resource, wanted: Wanted, change: Change) -> Work:
        """Make another object before the old one goes; what depends on it moves over in between."""
        if change.properties and row.status != FAILED and row.type == wanted.kind.name:
            old = resource_event(row, action="UPDATE", status=IN_PROGRESS, reason=STATE_CHANGED)
            self.run.scribe.event(old)
            told = f"The Resource {row.name} requires replacement."
            self.run.scribe.event(resource_event(row, action="UPDATE", status=COMPLETE, reason=told))
        new = self.standing.new_row(wanted.name, wanted.kind.name, replaces=row)
        return self._make(new, wanted)

    def _note_requirements(self, row: Resource, wanted: Wanted) -> None:
        """What changed without changing the object: its order, its description, how its text reads."""
        definition = wanted.definition()
        if (
            list(wanted.requires_rows) != row.requires
            or row.fingerprint != wanted.fingerprint
            or definition != row.definition
        ):
            row.requires, row.fingerprint = list(wanted.requires_rows), wanted.fingerprint
            row.definition = definition
            self.run.scribe.save(row)

    def _refused(self, name: str, error: Exception) -> Work:
        """A resource that cannot even be evaluated or validated."""
        if isinstance(error, Fatal):
            raise error
        if isinstance(error, LeaseLost):
            raise Fatal(error) from error  # an engine goes on with it; nothing of the stack has failed
        row = self.run.current.get(name)
        failure = step_failed(name, error)
        unmade = row is None or row.never_made or (row.action == "CREATE" and row.physical_id is None)
        action = "CREATE" if unmade else "UPDATE"
        if row is not None:
            return self.steps.refuse(row, action, failure)
        raise failure

    def _refused_by_plan(self, row: Resource, change: Change) -> Work:
        text = "; ".join(change.refusals)
        kind = "NotSupported"
        if "restricted" in text:
            kind = "ResourceActionRestricted"
            action = "replace" if change.action is Action.REPLACE else "update"
            text = f"{action} is restricted for resource."
        failure = StepFailed(kind, f"resources.{row.name}", text)
        return self.steps.refuse(row, "UPDATE", failure, told=text, keep_state=True)

    async def _observe(self, row: Resource, wanted: Wanted) -> dict[str, Observed]:
        """The row's object as the cloud has it, when the request asks for that."""
        if not self.observing or row.never_made or wanted.kind.nested:
            return {}
        declared = wanted.kind.declared
        behaviour, context = self.run.behaviour(declared), self.run.context(row, declared)
        try:
            seen = await self.run.persist(row, lambda: behaviour.observe(context), declared.service)
        except ResourceGone:
            return {row.id: Observed(gone=True)}
        return {} if seen is None else {row.id: Observed(properties=seen)}

    # Cleaning

    def _clean(self, row_id: str) -> Work | None:
        row = self.run.rows.get(row_id)
        if row is None:
            return None
        if not self.removing and row.name in self.run.requirements and self.run.current.get(row.name) is row:
            return self.nested.clear(row) if LEFT_OVER in row.data else None
        if row.never_made:
            self.run.scribe.delete(row)
            self.run.rows.pop(row_id, None)
            if self.run.current.get(row.name) is row:
                del self.run.current[row.name]
            return None
        if self.removing and self.run.texts.environment.registry.has_hook(row.name, "pre-delete"):
            return self._delete_after_hook(row)
        return self.steps.delete(row) if self.removing else self.steps.clear(row)

    async def _delete_after_hook(self, row: Resource) -> None:
        await pause_at_hook(self.run, row, "pre-delete")
        await self.steps.delete(row)


class _OneResource(Desired):
    """A template of one resource, for the planner's decision about it."""

    def __init__(self, stack_name: str, wanted: DesiredResource, kind: Kind) -> None:
        self._name, self._wanted, self._kind = stack_name, wanted, kind

    @property
    def name(self) -> str:
        return self._name

    def order(self) -> list[str]:
        return [self._wanted.name]

    def resource(self, name: str, fates: Mapping[str, Fate]) -> DesiredResource:
        return self._wanted

    def traits(self, type_name: str) -> Traits:
        return DeclaredTraits(self._kind.declared)
