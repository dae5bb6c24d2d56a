# SPDX-License-Identifier: Apache-2.0
"""The order of the work of a plan: what must be done before what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from samovar.graph import Graph
from samovar.orchestration.plans.changes import Action, Change, Step
from samovar.orchestration.plans.inputs import StoredStack


def work_graph(stored: StoredStack, coming: Sequence[Change], going: Sequence[Change]) -> Graph[Step]:
    """Steps and what each requires.

    A resource is applied after those it requires. A row is cleaned up after everything that needed it has
    been brought to its new state or been cleaned up itself, and, if it was replaced, after what replaces it.
    """
    names = {change.name for change in coming}
    graph: Graph[Step] = Graph()
    for change in coming:
        graph.add(Step(change.name), [Step(name) for name in change.requires if name in names])
    leaving = {change.stored_id: change.name for change in going if change.stored_id is not None}
    leaving |= {
        change.stored_id: change.name
        for change in coming
        if change.action is Action.REPLACE and change.stored_id is not None
    }
    needed_by = defaultdict(list)
    for row in stored.resources:
        for required in row.requires:
            needed_by[required].append(row)
    for row_id, name in leaving.items():
        before = [Step(name)] if name in names else []
        for row in needed_by[row_id]:
            if row.name in names and row.name != name:
                before.append(Step(row.name))
            if row.id in leaving and row.id != row_id:
                before.append(Step(row.name, row.id))
        graph.add(Step(name, row_id), before)
    return graph
