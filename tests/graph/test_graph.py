# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samovar.graph import CycleError, Graph, Walk, to_dot, to_mermaid, to_svg


def stack() -> Graph[str]:
    return Graph({"net": [], "subnet": ["net"], "port": ["net", "subnet"], "server": ["port"], "key": []})


def test_levels_put_what_is_required_first() -> None:
    assert stack().levels() == [["net", "key"], ["subnet"], ["port"], ["server"]]


def test_reverse_is_the_order_of_deletion() -> None:
    order = stack().reversed().order()
    assert order.index("server") < order.index("port") < order.index("subnet") < order.index("net")


def test_a_cycle_is_named_with_its_path() -> None:
    graph = Graph({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]})
    with pytest.raises(CycleError, match="a -> b -> c -> a"):
        graph.order()


def test_every_knot_is_reported_once() -> None:
    graph = Graph({"a": ["b"], "b": ["a"], "c": ["c"], "d": ["a"], "e": []})
    assert sorted(sorted(set(cycle)) for cycle in graph.cycles()) == [["a", "b"], ["c"]]


def test_reduction_drops_what_follows_from_others() -> None:
    assert set(stack().reduced().edges()) == {("subnet", "net"), ("port", "subnet"), ("server", "port")}


def test_a_long_chain_does_not_recurse() -> None:
    graph = Graph({number: [number - 1] if number else [] for number in range(50_000)})
    assert graph.order()[-1] == 49_999
    assert graph.cycle() is None


def test_walk_frees_and_blocks() -> None:
    walk = Walk(stack())
    assert walk.start() == ["net", "key"]
    assert walk.done("net") == ["subnet"]
    assert walk.waits_for("port") == ["subnet"]
    assert walk.failed("subnet") == {"port", "server"}
    assert walk.done("key") == []
    assert walk.finished
    assert walk.counts == (5, 2, 1, 2)


edges = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40)


@given(edges)
def test_order_respects_every_edge_or_there_is_a_cycle(pairs: list[tuple[int, int]]) -> None:
    graph: Graph[int] = Graph()
    for node, other in pairs:
        graph.add(node, [other])
    cycle = graph.cycle()
    if cycle is not None:
        assert cycle[0] == cycle[-1]
        assert all(after in graph.requires(before) for before, after in itertools.pairwise(cycle))
        assert graph.cycles()
        return
    assert graph.cycles() == []
    order = graph.order()
    assert sorted(order) == sorted(graph)
    assert all(order.index(other) < order.index(node) for node, other in graph.edges())


@given(edges)
def test_reduction_keeps_reachability(pairs: list[tuple[int, int]]) -> None:
    graph: Graph[int] = Graph()
    for node, other in pairs:
        if node > other:
            graph.add(node, [other])
    reduced = graph.reduced()
    assert set(reduced) == set(graph)
    for node in graph:
        assert reduced.all_requires([node]) == graph.all_requires([node])
    assert set(reduced.edges()) <= set(graph.edges())


def test_drawings_escape_what_users_write() -> None:
    graph = Graph({'a"<b>': [], "c": ['a"<b>']})
    assert '"a\\"<b>" -> "c"' in to_dot(graph)
    assert "n0 --> n1" in to_mermaid(graph)
    assert "<b>" not in to_svg(graph) and to_svg(graph).startswith("<svg")
