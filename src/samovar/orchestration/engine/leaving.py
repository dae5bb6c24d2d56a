# SPDX-License-Identifier: Apache-2.0
"""What a nested stack leaves for later: an object that was replaced there and is still used around it.

The outer stack's update of the nested one may leave such a thing; it tells so when it ends. When all that
needed the nested stack has changed, too, the outer one has it removed.
"""

from __future__ import annotations

MAY_LEAVE = "may_leave"  # in an operation's details: whoever asked for it comes back for what it leaves
LEFT_OVER = "left_over"  # in an operation's details, and in the data of the row of a nested stack


class StillUsed(Exception):
    """Something outside this stack uses the object, and may do so until this stack is done."""
