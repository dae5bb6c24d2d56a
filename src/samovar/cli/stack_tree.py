# SPDX-License-Identifier: Apache-2.0
"""A stack as a tree of resources with states and times, kept up to date by events. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

IN_PROGRESS, FAILED, COMPLETE = "IN_PROGRESS", "FAILED", "COMPLETE"
LIVE_SECONDS = 3.0
MARKS = {IN_PROGRESS: "…", FAILED: "✗", COMPLETE: "✓", "": "·"}


@dataclass
class Branch:
    """One resource; `below` are those of its nested stack."""

    name: str
    path: str
    action: str = ""
    status: str = ""
    reason: str = ""
    began: datetime.datetime | None = None
    ended: datetime.datetime | None = None
    waits: str = ""
    told: str = ""  # the wait that a line was printed for
    below: dict[str, Branch] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        return MARKS["" if self.action == "INIT" or not self.status else self.status]

    @property
    def state(self) -> str:
        return f"{self.action}_{self.status}" if self.status and self.action != "INIT" else "not begun"

    def seconds(self, now: datetime.datetime) -> float | None:
        """How long its present or last action takes or took."""
        if self.began is None:
            return None
        return max(0.0, ((self.ended or now) - self.began).total_seconds())

    def leaves(self) -> Iterator[Branch]:
        """This one, or what is below it."""
        if not self.below:
            yield self
        for branch in self.below.values():
            yield from branch.leaves()

    @property
    def restless(self) -> bool:
        """Whether it, or anything below it, goes on or has failed."""
        own = self.status in (IN_PROGRESS, FAILED)
        return own or any(branch.restless for branch in self.below.values())


class StackTree:
    """`see` takes an event, `look` a list of resources; both may come in any order."""

    def __init__(self, name: str, identity: str) -> None:
        self.root = Branch(name, "")
        self._id = identity
        self._stacks: dict[str, Branch] = {identity: self.root}
        self.status = ""
        self.reason = ""

    @property
    def ended(self) -> bool:
        return self.status.endswith((COMPLETE, FAILED))

    @property
    def failed(self) -> bool:
        return self.status.endswith(FAILED) or self.status.startswith("ROLLBACK")

    def counts(self) -> tuple[int, int]:
        """(done, all) of the resources that are no stacks."""
        leaves = [leaf for branch in self.root.below.values() for leaf in branch.leaves()]
        return sum(leaf.status == COMPLETE and leaf.action != "INIT" for leaf in leaves), len(leaves)

    def see(self, event: dict[str, Any], now: datetime.datetime) -> Branch | None:
        """Take one event in; the resource that it is about, None for the stack's own."""
        owner = _owner(event)
        action, status = _split(event["resource_status"])
        moment = _moment(event.get("event_time")) or now
        if abs((now - moment).total_seconds()) < LIVE_SECONDS:
            moment = now  # the time of an event tells whole seconds only
        if event["physical_resource_id"] == owner:
            if owner == self._id:
                self.status, self.reason = event["resource_status"], event["resource_status_reason"]
            self._enter(self._stacks.get(owner), action, status, "", moment)
            return None
        branch = self._branch(owner, event["resource_name"])
        if event["physical_resource_id"]:
            self._stacks.setdefault(event["physical_resource_id"], branch)
        if action == "SIGNAL":
            return branch
        self._enter(branch, action, status, event["resource_status_reason"], moment)
        if (action, status) == ("DELETE", COMPLETE):
            branch.below.clear()
        return branch

    def look(self, resources: list[dict[str, Any]], now: datetime.datetime) -> list[Branch]:
        """Take a list of resources in; those whose wait lasts and has not been told of."""
        news = []
        for row in sorted(resources, key=lambda row: 0 if _nests(row) else 1):
            if _nests(row) and row["physical_resource_id"]:
                self._stacks.setdefault(
                    row["physical_resource_id"], self._branch(_owner(row), row["resource_name"])
                )
        for row in resources:
            branch = self._branch(_owner(row), row["resource_name"])
            action, status = _split(row["resource_status"])
            if not branch.status:
                moment = _moment(row.get("updated_time")) or now
                self._enter(branch, action, status, row["resource_status_reason"], moment)
            wait = row.get("waiting")
            reason = row["resource_status_reason"]
            words = f"{wait['for']}, gives up at {_clock(wait['until'])}" if wait else ""
            if not wait and status == IN_PROGRESS and reason.startswith("waiting for "):
                words = reason.removeprefix("waiting for ")
            known, branch.waits = branch.waits, words
            if words and words == known and words != branch.told and not branch.below:
                branch.told = words
                news.append(branch)
        return news

    def _branch(self, owner: str, name: str) -> Branch:
        above = self._stacks.get(owner, self.root)
        if name not in above.below:
            above.below[name] = Branch(name, f"{above.path}/{name}" if above.path else name)
        return above.below[name]

    def _enter(
        self, branch: Branch | None, action: str, status: str, reason: str, moment: datetime.datetime
    ) -> None:
        if branch is None or (branch is not self.root and not reason):
            return
        if status == IN_PROGRESS and (branch.action, branch.status) != (action, status):
            branch.began, branch.ended = moment, None
        elif status != IN_PROGRESS:
            branch.ended, branch.waits = moment, ""
        branch.action, branch.status, branch.reason = action, status, reason


def _split(state: str) -> tuple[str, str]:
    for status in (IN_PROGRESS, FAILED, COMPLETE):
        if state.endswith(f"_{status}"):
            return state.removesuffix(f"_{status}"), status
    return state, ""


def _owner(row: dict[str, Any]) -> str:
    link = next((link["href"] for link in row["links"] if link["rel"] == "stack"), "")
    return str(link.rsplit("/", 1)[-1])


def _nests(row: dict[str, Any]) -> bool:
    return any(link["rel"] == "nested" for link in row["links"])


def _moment(text: str | None) -> datetime.datetime | None:
    if not text:
        return None
    moment = datetime.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _clock(text: str) -> str:
    moment = _moment(text)
    return moment.astimezone().strftime("%H:%M:%S") if moment else "?"


__all__ = ["Branch", "StackTree"]
