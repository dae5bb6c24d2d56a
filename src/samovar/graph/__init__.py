# SPDX-License-Identifier: Apache-2.0
"""Dependency graphs: order, cycles, walking, drawing. Pure."""

from samovar.graph.drawing import to_dot, to_mermaid, to_svg
from samovar.graph.graph import CycleError, Graph
from samovar.graph.walk import Walk

__all__ = ["CycleError", "Graph", "Walk", "to_dot", "to_mermaid", "to_svg"]
