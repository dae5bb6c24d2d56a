# SPDX-License-Identifier: Apache-2.0
"""Why a stack is as it is: root causes, and what it waits for."""

from .document import explain
from .facts import Facts, Level, read_facts

__all__ = ["Facts", "Level", "explain", "read_facts"]
