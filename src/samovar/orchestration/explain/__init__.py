# SPDX-License-Identifier: Apache-2.0
"""Why a stack is as it is: root causes, and what it waits for."""

from .document import explain
from .facts import Facts, Level, path_named, read_facts
from .history import history, read_past

__all__ = ["Facts", "Level", "explain", "history", "path_named", "read_facts", "read_past"]
