# SPDX-License-Identifier: Apache-2.0
"""Load balancing, Octavia's role: the API, and the trees and operations that workers make true."""

from .tree import Tree
from .tree_loading import load_tree

__all__ = ["Tree", "load_tree"]
