# SPDX-License-Identifier: Apache-2.0
"""The tree that `watch` and `up` draw: of events and lists in any order, and never more than fits."""

from __future__ import annotations

import datetime
from typing import Any

from samovar.cli.screen import ending, step_line, tree_lines
from samovar.cli.stack_tree import StackTree

NOW = datetime.datetime(2026, 1, 1, 12, 0, 30, tzinfo=datetime.UTC)
ROOT = "http://heat/v1/p/stacks/shop/1"
CHILD = "http://heat/v1/p/stacks/shop-web-x/2"


def event(
    stack: str, name: str, state: str, physical: str = "", at: int = 0, reason: str = "state changed"
) -> Any:
    return {
        "resource_name": name, "resource_status": state, "resource_status_reason": reason,
        "physical_resource_id": physical, "event_time": f"2026-01-01T12:00:{at:02}Z",
        "links": [{"rel": "stack", "href": stack}, {"rel": "root_stack", "href": ROOT}],
    }  # fmt: skip


def shown(tree: StackTree, most: int = 50) -> list[str]:
    return ["  ".join(part for part in line if part) for line in tree_lines(tree, NOW, most)]


def of(*events: Any) -> StackTree:
    tree = StackTree("shop", "1")
    for each in events:
        tree.see(each, NOW)
    return tree


EVENTS = (
    event(ROOT, "shop", "CREATE_IN_PROGRESS", "1"),
    event(ROOT, "net", "CREATE_IN_PROGRESS", at=1),
    event(ROOT, "net", "CREATE_COMPLETE", "n", at=3),
    event(ROOT, "web", "CREATE_IN_PROGRESS", "2", at=4),
    event(CHILD, "shop-web-x", "CREATE_IN_PROGRESS", "2", at=4),
    event(CHILD, "server", "CREATE_IN_PROGRESS", at=5),
)


def test_nested_resources_stand_below_with_states_and_times() -> None:
    tree = of(*EVENTS)
    assert shown(tree) == [
        "  ✓ net  CREATE_COMPLETE  2.0 s",
        "  … web  CREATE_IN_PROGRESS  26.0 s",
        "    … server  CREATE_IN_PROGRESS  25.0 s",
    ]
    assert tree.counts() == (1, 2) and not tree.ended


def test_waits_are_shown_and_told_once_when_they_last() -> None:
    tree = of(*EVENTS)
    row = event(CHILD, "server", "CREATE_IN_PROGRESS") | {
        "waiting": {"for": "the compute service to answer", "until": "2026-01-01T13:00:00Z"}
    }
    assert tree.look([row], NOW) == []
    assert [branch.path for branch in tree.look([row], NOW)] == ["web/server"]
    assert tree.look([row], NOW) == []
    assert "the compute service to answer, gives up at" in shown(tree)[2]


def test_a_failure_is_told_where_it_happened_and_the_stack_ends() -> None:
    tree = of(*EVENTS)
    branch = tree.see(event(CHILD, "server", "CREATE_FAILED", at=9, reason="BadRequest: no\x1b[2J"), NOW)
    assert branch is not None
    assert step_line(branch, NOW) == "  ✗ web/server  CREATE_FAILED  4.0 s\n      BadRequest: no\\x1b[2J"
    tree.see(event(ROOT, "web", "CREATE_FAILED", "2", at=9, reason="BadRequest: in web"), NOW)
    tree.see(event(ROOT, "shop", "CREATE_FAILED", "1", at=10, reason="Resource CREATE failed"), NOW)
    assert tree.ended and tree.failed and ending(tree, NOW) == "shop: CREATE_FAILED in 10.0 s"
    assert shown(tree)[1] == "  ✗ web  CREATE_FAILED  5.0 s"  # the reason stands at the leaf


def test_of_a_large_stack_what_goes_on_is_shown() -> None:
    done = [event(ROOT, f"r{number}", "CREATE_COMPLETE", str(number)) for number in range(100, 200)]
    lines = shown(of(*done, *EVENTS), most=5)
    assert lines == [
        "  … web  CREATE_IN_PROGRESS  26.0 s",
        "    … server  CREATE_IN_PROGRESS  25.0 s",
        "  … and 101 more",
    ]
