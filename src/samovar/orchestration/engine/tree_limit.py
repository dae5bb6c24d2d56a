# SPDX-License-Identifier: Apache-2.0
"""How many resources a stack may have, with all that is nested in it.

Many nested stacks begin at once, and each sees only what is written already: what others of this process are
about to write is counted, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from samovar.orchestration.templates.errors import RequestLimitExceeded

from .store import count_resources_of_tree

if TYPE_CHECKING:
    from .stack_run import StackRun


class TreeLimit:
    """Keeps count of the rows that are on their way, by the id of their root stack."""

    def __init__(self) -> None:
        self._coming: Counter[str] = Counter()

    async def check(self, run: StackRun, more: int) -> None:
        """Raises RequestLimitExceeded where so many more are too many."""
        most, root = run.parts.settings.engine.max_resources_per_stack, run.stack.root_id
        if most < 0:
            return
        there = await run.parts.database.read(lambda c: count_resources_of_tree(c, root))
        wanted = there + self._coming[root] + more
        if wanted > most:
            raise RequestLimitExceeded(
                f"The stack would have {wanted} resources; at most {most} are allowed "
                "(max_resources_per_stack)."
            )

    async def claim(self, run: StackRun, more: int) -> Callable[[], None]:
        """Check, and count them as coming; call what is returned when their rows are on the way."""
        await self.check(run, more)
        root, arrived = run.stack.root_id, False
        self._coming[root] += more

        def arrive(_connection: Connection | None = None) -> None:
            nonlocal arrived
            if not arrived:
                arrived = True
                self._coming[root] -= more
                if self._coming[root] <= 0:
                    del self._coming[root]

        # In the commit itself, lest they be counted twice; and if that comes to nothing, then, too.
        return lambda: run.scribe.change(arrive).when_over(arrive)


__all__ = ["TreeLimit"]
