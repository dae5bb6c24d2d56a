# SPDX-License-Identifier: Apache-2.0
"""Lines on standard error. The library's logging would take a megabyte, most of it for tracebacks."""

from __future__ import annotations

import sys

__all__ = ["log"]


class Log:
    """Messages are formatted with their arguments; what is only for debugging is dropped."""

    def info(self, message: str, *arguments: object) -> None:
        print(f"amphora: {message % arguments}", file=sys.stderr, flush=True)

    warning = info

    def debug(self, message: str, *arguments: object) -> None:
        return

    def exception(self, message: str, *arguments: object) -> None:
        """With the traceback of the exception that is being handled."""
        import traceback

        self.info(message, *arguments)
        traceback.print_exc()


log = Log()
