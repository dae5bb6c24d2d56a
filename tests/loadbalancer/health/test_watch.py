# SPDX-License-Identifier: Apache-2.0
"""Who is silent, and when so many are that it is not believed."""

from __future__ import annotations

from samovar.loadbalancer.health import Watch


def watch(**given: int) -> Watch:
    return Watch(interval=1, timeout=10, **given)


def test_one_silent_amphora_is_replaced_after_its_time() -> None:
    one = watch()
    one.judge(["a", "b"], 0)
    one.heard("b", 5)
    assert one.judge(["a", "b"], 5).suspects == ("a",)
    one.heard("b", 10)
    verdict = one.judge(["a", "b"], 10.5)
    assert verdict.silent == ("a",) and verdict.held == () and verdict.suspects == ()


def test_a_new_amphora_gets_its_time_from_when_it_is_known() -> None:
    one = watch()
    assert one.judge(["a"], 1000).silent == ()
    assert one.judge(["a"], 1009).silent == ()
    assert one.judge(["a"], 1011).silent == ("a",)


def test_all_silent_at_once_are_left_alone() -> None:
    names = [f"a{number}" for number in range(9)]
    one = watch()
    one.judge(names, 0)
    verdict = one.judge(names, 11)
    assert verdict.silent == () and set(verdict.held) == set(names)
    for name in names[2:]:
        one.heard(name, 11)
    assert one.judge(names, 12).silent == ("a0", "a1")


def test_the_operator_may_say_how_many_are_too_many() -> None:
    one = watch(threshold=1)
    one.judge(["a", "b"], 0)
    one.heard("b", 11)
    assert one.judge(["a", "b"], 11).held == ("a",)


def test_who_is_gone_is_forgotten() -> None:
    one = watch()
    one.judge(["a"], 0)
    one.judge([], 1)
    assert one.seen == {}
