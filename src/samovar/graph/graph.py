# SPDX-License-Identifier: Apache-2.0
"""A directed graph of what requires what.

Every operation costs at most a constant times nodes + edges (the transitive reduction costs more on dense
graphs: nodes x edges in the worst case). Nothing recurses, so a chain of 100,000 nodes is as good as any.
Orders are deterministic: nodes come in the order in which they were added, as far as the edges allow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class CycleError(ValueError):
    """The graph has a cycle; `path` is it, first node repeated at the end."""

    def __init__(self, path: list[str]) -> None:
        self.path = path
        super().__init__("circular dependency: " + " -> ".join(path))


class Graph(Generic[T]):
    """Nodes and their requirements: `add("port", ["net"])` says that port requires net."""

    __slots__ = ("_required_by", "_requires")

    def __init__(self, edges: Mapping[T, Iterable[T]] | None = None) -> None:
        # Dicts as ordered sets.
        self._requires: dict[T, dict[T, None]] = {}
        self._required_by: dict[T, dict[T, None]] = {}
        for node, requirements in (edges or {}).items():
            self.add(node, requirements)

    def add(self, node: T, requires: Iterable[T] = ()) -> None:
        """Add a node (again: add to its requirements). Unknown requirements become nodes."""
        mine = self._requires.setdefault(node, {})
        self._required_by.setdefault(node, {})
        for other in requires:
            mine[other] = None
            self._requires.setdefault(other, {})
            self._required_by.setdefault(other, {})[node] = None

    def __contains__(self, node: object) -> bool:
        return node in self._requires

    def __iter__(self) -> Iterator[T]:
        return iter(self._requires)

    def __len__(self) -> int:
        return len(self._requires)

    def edges(self) -> Iterator[tuple[T, T]]:
        """Pairs (node, what it requires)."""
        for node, requirements in self._requires.items():
            for other in requirements:
                yield node, other

    def requires(self, node: T) -> list[T]:
        return list(self._requires[node])

    def required_by(self, node: T) -> list[T]:
        return list(self._required_by[node])

    def all_required_by(self, nodes: Iterable[T]) -> set[T]:
        """Everything that directly or indirectly requires one of the nodes, without the nodes themselves
        unless they require each other."""
        return self._reach(nodes, self._required_by)

    def all_requires(self, nodes: Iterable[T]) -> set[T]:
        """Everything that the nodes directly or indirectly require."""
        return self._reach(nodes, self._requires)

    @staticmethod
    def _reach(nodes: Iterable[T], edges: Mapping[T, Mapping[T, None]]) -> set[T]:
        seen: set[T] = set()
        todo = deque(nodes)
        while todo:
            for other in edges[todo.popleft()]:
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return seen

    def reversed(self) -> Graph[T]:
        """The same nodes with every edge turned round: the order of deletion."""
        result: Graph[T] = Graph()
        for node in self._requires:
            result.add(node)
        for node, other in self.edges():
            result.add(other, (node,))
        return result

    def order(self) -> list[T]:
        """Nodes so that each comes after all it requires. Raises CycleError."""
        return [node for level in self.levels() for node in level]

    def levels(self) -> list[list[T]]:
        """Groups of nodes to be worked on together, what requires nothing first. Raises CycleError."""
        waiting = {node: len(requirements) for node, requirements in self._requires.items()}
        level = [node for node, count in waiting.items() if not count]
        levels: list[list[T]] = []
        done = 0
        while level:
            levels.append(level)
            done += len(level)
            following: list[T] = []
            for node in level:
                for other in self._required_by[node]:
                    waiting[other] -= 1
                    if not waiting[other]:
                        following.append(other)
            level = following
        if done < len(waiting):
            cycle = self.cycle()
            raise CycleError([str(node) for node in cycle or ()])
        return levels

    def cycle(self) -> list[T] | None:
        """One cycle as a path `[a, b, c, a]` (each requires the next), or None."""
        unseen, open_, closed = 0, 1, 2
        colour = dict.fromkeys(self._requires, unseen)
        for start in self._requires:
            if colour[start] != unseen:
                continue
            path = [start]
            colour[start] = open_
            iterators = [iter(self._requires[start])]
            while path:
                for other in iterators[-1]:
                    if colour[other] == open_:
                        return [*path[path.index(other) :], other]
                    if colour[other] == unseen:
                        colour[other] = open_
                        path.append(other)
                        iterators.append(iter(self._requires[other]))
                        break
                else:
                    colour[path.pop()] = closed
                    iterators.pop()
        return None

    def cycles(self) -> list[list[T]]:
        """One cycle of every knot (strongly connected part), each as `[a, b, a]`."""
        found: list[list[T]] = []
        for knot in self._knots():
            inside = set(knot)
            part: Graph[T] = Graph()
            for node in knot:
                part.add(node, [other for other in self._requires[node] if other in inside])
            cycle = part.cycle()
            if cycle is not None:
                found.append(cycle)
        return found

    def _knots(self) -> list[list[T]]:
        """Strongly connected parts that contain a cycle (Kosaraju, without recursion)."""
        finished: list[T] = []
        seen: set[T] = set()
        for start in self._requires:
            if start in seen:
                continue
            seen.add(start)
            stack = [(start, iter(self._requires[start]))]
            while stack:
                node, others = stack[-1]
                for other in others:
                    if other not in seen:
                        seen.add(other)
                        stack.append((other, iter(self._requires[other])))
                        break
                else:
                    finished.append(node)
                    stack.pop()
        knots: list[list[T]] = []
        placed: set[T] = set()
        for start in reversed(finished):
            if start in placed:
                continue
            placed.add(start)
            knot, todo = [], [start]
            while todo:
                node = todo.pop()
                knot.append(node)
                for other in self._required_by[node]:
                    if other not in placed:
                        placed.add(other)
                        todo.append(other)
            if len(knot) > 1 or start in self._requires[start]:
                knots.append(knot)
        return knots

    def reduced(self) -> Graph[T]:
        """The transitive reduction: the fewest edges that mean the same order. Raises CycleError."""
        depth = {node: number for number, level in enumerate(self.levels()) for node in level}
        result: Graph[T] = Graph()
        for node in self._requires:
            direct = sorted(self._requires[node], key=lambda other: -depth[other])
            keep: list[T] = []
            covered: set[T] = set()
            for position, other in enumerate(direct):
                if other in covered:
                    continue
                keep.append(other)
                if position + 1 < len(direct):
                    covered |= self._reach_down(other, covered, depth, depth[direct[-1]])
            kept = set(keep)
            result.add(node, [other for other in self._requires[node] if other in kept])
        return result

    def _reach_down(self, start: T, covered: set[T], depth: Mapping[T, int], lowest: int) -> set[T]:
        seen: set[T] = set()
        todo = [start]
        while todo:
            for other in self._requires[todo.pop()]:
                if other not in seen and other not in covered and depth[other] >= lowest:
                    seen.add(other)
                    todo.append(other)
        return seen
