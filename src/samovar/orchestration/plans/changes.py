# SPDX-License-Identifier: Apache-2.0
"""What a plan is made of: changes of resources, and of their properties."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from samovar.graph import Graph


class Action(StrEnum):
    """What happens to one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    ADOPT = "adopt"  # an object that exists already comes under the stack
    FORGET = "forget"  # the object stays, the stack lets go of it
    NO_OP = "no-op"

    @property
    def symbol(self) -> str:
        return _SYMBOLS[self]


_SYMBOLS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.DELETE: "-",
    Action.ADOPT: "<-",
    Action.FORGET: ".",
    Action.NO_OP: " ",
}


class Effect(StrEnum):
    """What the change of one property means for its resource."""

    IN_PLACE = "in place"
    REPLACES = "replaces"
    REFUSED = "refused"
    NONE = "no effect"


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property before and after. `after` may be or contain Unknown: then it may turn out unchanged."""

    name: str
    before: Any
    after: Any
    effect: Effect = Effect.IN_PLACE
    secret: bool = False
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a resource changes: a sentence, and the property that is the cause, if one is."""

    text: str
    property: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one resource.

    `stored_id` is the row that changes or goes (None for what is new); `certain` is false when it depends
    on a value that is not known yet whether anything happens. `refusals` say why it can not be done.
    """

    action: Action
    name: str
    type: str
    path: tuple[str, ...] = ()
    stored_id: str | None = None
    physical_id: str | None = None
    reasons: tuple[Reason, ...] = ()
    properties: tuple[PropertyChange, ...] = ()
    aspects: tuple[str, ...] = ()  # of "metadata", "update_policy", "deletion_policy": what else differs
    requires: tuple[str, ...] = ()
    certain: bool = True
    deletion_policy: str = "Delete"  # for the row that goes: Delete, Retain, Snapshot
    refusals: tuple[str, ...] = ()
    nested: Plan | None = None

    @property
    def full_path(self) -> str:
        """The names from the root stack to the resource, joined by dots."""
        return ".".join((*self.path, self.name))

    @property
    def changes_anything(self) -> bool:
        return self.action is not Action.NO_OP or (self.nested is not None and not self.nested.is_empty)


@dataclass(frozen=True, slots=True)
class Step:
    """A node of the work: bring `name` to its desired state, or clean up the row `stored_id`."""

    name: str
    stored_id: str | None = None  # None: apply; otherwise clean up that row

    @property
    def cleans(self) -> bool:
        return self.stored_id is not None


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes of one stack, those it needs first coming first, then what goes.

    `work` has a step for each resource that stays or comes, and one for each row that goes; a step requires
    the steps that must be done before it. `secrets` are texts that are masked wherever they are shown, such
    as the values of hidden parameters.
    """

    changes: tuple[Change, ...] = ()
    work: Graph[Step] | None = None
    stack: str = ""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    def hiding(self, secrets: Iterable[str]) -> Plan:
        """The same plan, with these texts masked where it is shown."""
        return replace(self, secrets=self.secrets | {each for each in secrets if each})

    @property
    def is_empty(self) -> bool:
        return not any(change.changes_anything for change in self.changes)

    @property
    def refusals(self) -> list[tuple[Change, str]]:
        """Everything that can not be done, nested stacks included."""
        return [(change, text) for change in self.every_change() for text in change.refusals]

    def every_change(self) -> Iterator[Change]:
        """All changes, those of nested stacks after their parent's."""
        for change in self.changes:
            yield change
            if change.nested is not None:
                yield from change.nested.every_change()

    def counts(self) -> Mapping[Action, int]:
        """How many resources each action has, nested stacks included."""
        counted = dict.fromkeys(Action, 0)
        for change in self.every_change():
            counted[change.action] += 1
        return counted

    def change_of(self, name: str) -> Change | None:
        """The change of the resource that stays or comes under that name."""
        gone = (Action.DELETE, Action.FORGET)
        return next((each for each in self.changes if each.name == name and each.action not in gone), None)
