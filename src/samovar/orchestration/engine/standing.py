# SPDX-License-Identifier: Apache-2.0
"""Which row stands for a name: while a resource is being replaced there are several."""

from __future__ import annotations

from samovar.database import new_id
from samovar.orchestration.plans import StoredStack
from samovar.orchestration.plans.rows import choose_rows

from .rows import COMPLETE, FAILED, Resource
from .stack_run import StackRun
from .wanted import Wanted, stored_resource


class Standing:
    """The rows of a stack by name; `run.current` has the one that stands for each."""

    def __init__(self, run: StackRun) -> None:
        self.run = run
        self.given_up: dict[str, Resource] = {}  # by name: replacements that an older row won against
        self._of_name: dict[str, list[Resource]] = {}
        for row in run.rows.values():
            self._of_name.setdefault(row.name, []).append(row)
        self._choose()

    def _choose(self) -> None:
        """Let the best of several rows of one name stand for it."""
        for name, rows in self._of_name.items():
            if len(rows) > 1:
                chosen = choose_rows(StoredStack(tuple(stored_resource(row) for row in rows)))
                self.run.current[name] = self.run.rows[chosen[name].id]

    def new_row(self, name: str, type_name: str, replaces: Resource | None = None) -> Resource:
        """A row of an object that is to be made; it stands for its name from now on."""
        row = Resource(id=new_id(), stack_id=self.run.stack.id, name=name, type=type_name)
        if replaces is not None:
            row.replaces, replaces.replaced_by = replaces.id, row.id
            self.run.scribe.save(replaces)
        self.run.rows[row.id] = row
        self.run.current[name] = row
        self._of_name.setdefault(name, []).append(row)
        self.run.scribe.insert(row)
        return row

    def row_for(self, wanted: Wanted) -> Resource:
        """The row that stands for the name: an older one again, when it is just what is wanted now."""
        row = self.run.current[wanted.name]
        others = self._of_name.get(wanted.name, ())
        if len(others) > 1 and (row.fingerprint != wanted.fingerprint or row.status == FAILED):
            for other in others:
                fits = other.fingerprint == wanted.fingerprint and other.status == COMPLETE
                if fits and other.id in self.run.rows and other.action != "DELETE":
                    row.replaced_by, other.replaced_by = other.id, None
                    self.run.current[wanted.name] = other
                    self.run.scribe.save(row)
                    self.run.scribe.save(other)
                    self.given_up[wanted.name] = row
                    return other
        return row


__all__ = ["Standing"]
