# SPDX-License-Identifier: Apache-2.0
"""Which changes HAProxy takes while it runs."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from samovar.loadbalancer.haproxy import Place, difference, render
from samovar.loadbalancer.tree import Member, SessionPersistence, Tree

from .trees import identity, listener, member, monitor, pool, tree, trees

BACKEND = f"{identity('web')}:{identity('listener')}"


def text(*members: Member, **given: Any) -> str:
    limit = given.pop("limit", -1)
    web = pool("web", *members, **given)
    return render(tree(listener(default_pool_id=web.id, connection_limit=limit), pools=(web,)), Place()).text


def test_nothing_to_do() -> None:
    assert difference(text(member()), text(member())).nothing


def test_a_new_member() -> None:
    found = difference(text(member()), text(member(), member("m2", "10.0.0.12"), monitor=None))
    name = f"{BACKEND}/{identity('m2')}"
    assert not found.reload
    assert found.commands == (f"add server {name} 10.0.0.12:8080 weight 1", f"enable server {name}")


def test_a_new_member_is_checked_before_it_gets_traffic() -> None:
    checked = monitor("TCP")
    found = difference(text(monitor=checked), text(member(), monitor=checked))
    name = f"{BACKEND}/{identity('m1')}"
    assert found.commands[1:] == (f"enable health {name}", f"enable server {name}")


def test_a_member_that_goes_is_drained_first() -> None:
    found = difference(text(member(), member("m2")), text(member()))
    name = f"{BACKEND}/{identity('m2')}"
    assert found.commands == (f"set server {name} state maint",)
    assert found.optional == (f"del server {name}",)


def test_weight_and_state() -> None:
    found = difference(text(member()), text(member(weight=0, enabled=False)))
    name = f"{BACKEND}/{identity('m1')}"
    assert found.commands == (f"set server {name} weight 0", f"set server {name} state maint")
    assert difference(text(member(enabled=False)), text(member())).commands == (
        f"set server {name} state ready",
    )


def test_somebody_is_there_to_answer_between_any_two_commands() -> None:
    had, want = text(member(), member("m3", weight=0)), text(member("m2"), member("m3"))
    gone, new, third = (f"{BACKEND}/{identity(name)}" for name in ("m1", "m2", "m3"))
    commands = difference(had, want).commands
    assert commands[-1] == f"set server {gone} state maint"
    assert {f"enable server {new}", f"set server {third} weight 1"} < set(commands[:-1])
    swapped = difference(text(member(), member("m2", weight=0)), text(member(weight=0), member("m2")))
    assert swapped.commands == (f"set server {new} weight 1", f"set server {gone} weight 0")


def test_limits() -> None:
    found = difference(text(limit=200), text(limit=300))
    assert found.commands == (
        "set maxconn global 300",
        f"set maxconn frontend {identity('listener')} 300",
    )


def test_what_needs_a_reload() -> None:
    cookie = SessionPersistence("HTTP_COOKIE", None, None, None)
    assert difference(text(member()), text(member(), algorithm="LEAST_CONNECTIONS")).reload
    assert difference(text(persistence=cookie), text(member(), persistence=cookie)).reload
    assert difference(text(monitor=monitor("PING")), text(member(), monitor=monitor("PING"))).reload
    assert difference(text(member(backup=True)), text(member())).reload
    assert difference(text(), render(tree(), Place()).text).reload


@given(trees(), trees())
@settings(max_examples=100, deadline=None)
def test_equal_trees_need_nothing_and_any_pair_is_judged(one: Tree, other: Tree) -> None:
    assert difference(render(one, Place()).text, render(one, Place()).text).nothing
    difference(render(one, Place()).text, render(other, Place()).text)
