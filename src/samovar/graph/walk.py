# SPDX-License-Identifier: Apache-2.0
"""Counting down a graph: what may start now that this is done."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from samovar.graph.graph import CycleError, Graph

T = TypeVar("T", bound=Hashable)


class Walk(Generic[T]):
    """A pure helper for whoever works through a graph: it holds the counters, the caller does the work.

    `start()` gives what may begin at once; `done(node)` what became free by it; `failed(node)` what can
    never begin any more. `finished` is true when every node is done, failed or blocked.
    """

    __slots__ = ("_blocked", "_done", "_failed", "_graph", "_waiting")

    def __init__(self, graph: Graph[T]) -> None:
        cycle = graph.cycle()
        if cycle is not None:
            raise CycleError([str(node) for node in cycle])
        self._graph = graph
        self._waiting = {node: len(graph.requires(node)) for node in graph}
        self._done: set[T] = set()
        self._failed: set[T] = set()
        self._blocked: set[T] = set()

    def start(self) -> list[T]:
        return [
            node
            for node, count in self._waiting.items()
            if not count and node not in self._done and node not in self._failed
        ]

    def done(self, node: T) -> list[T]:
        """Mark the node done; give the nodes that may begin now. Doing it twice changes nothing."""
        if node in self._done:
            return []
        self._done.add(node)
        free = []
        for other in self._graph.required_by(node):
            self._waiting[other] -= 1
            if not self._waiting[other] and other not in self._blocked:
                free.append(other)
        return free

    def failed(self, node: T) -> set[T]:
        """Mark the node failed; give the nodes that are newly blocked by it."""
        self._failed.add(node)
        blocked = self._graph.all_required_by([node]) - self._blocked - self._done
        self._blocked |= blocked
        return blocked

    def waits_for(self, node: T) -> list[T]:
        """What the node still waits for."""
        return [other for other in self._graph.requires(node) if other not in self._done]

    @property
    def finished(self) -> bool:
        return len(self._done) + len(self._failed | self._blocked) >= len(self._graph)

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """(all, done, failed, blocked)"""
        return len(self._graph), len(self._done), len(self._failed), len(self._blocked - self._failed)
