# SPDX-License-Identifier: Apache-2.0
"""The one error of the host agent: a code for programs, a sentence for people."""

from __future__ import annotations

import os

__all__ = ["HostError", "kernel_refusal"]


class HostError(Exception):
    """What the host agent could not do.

    ``code`` is one of: ``invalid`` (the spec cannot be), ``missing`` (a named thing does not exist),
    ``clash`` (an address range or name is taken), ``kernel`` (the kernel refused), ``lacking`` (the machine
    lacks something), ``unreachable`` (the agent does not answer), ``internal`` (a defect; the agent's log
    has the trace).
    """

    def __init__(self, code: str, message: str, number: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.number = number  # the errno, where the kernel gave one; it does not travel


def kernel_refusal(what: str, error: OSError) -> HostError:
    """The sentence for a refused system call: ``what`` completes "The kernel refused to …"."""
    words = error.strerror or os.strerror(error.errno or 0)
    return HostError("kernel", f"The kernel refused to {what}: {words}.", error.errno or 0)
