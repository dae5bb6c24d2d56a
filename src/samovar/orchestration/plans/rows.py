# SPDX-License-Identifier: Apache-2.0
"""Which of several rows of one name is the resource, after a replacement that did not end."""

from __future__ import annotations

from samovar.orchestration.plans.inputs import StoredResource, StoredStack


def choose_rows(stored: StoredStack) -> dict[str, StoredResource]:
    """The row that stands for each name; the others of that name are left over and go."""
    chosen: dict[str, StoredResource] = {}
    for row in stored.resources:
        other = chosen.get(row.name)
        if other is None or _score(row) > _score(other):
            chosen[row.name] = row
    return chosen


def _score(row: StoredResource) -> tuple[int, float]:
    score = 0
    if row.replaced_by is not None:
        score -= 1
    if row.status == "FAILED" and row.action != "SNAPSHOT":
        score -= 30
    if row.action == "DELETE":
        score -= 50
    if row.action == "INIT":
        score -= 40
    return score, row.created
