# SPDX-License-Identifier: Apache-2.0
"""Who is calling, and what they may do."""

from .context import Context, IdentityUnavailable, InvalidToken, TokenValidator
from .policy import Policy, PolicyDenied
from .remembered import RememberingValidator

__all__ = [
    "Context",
    "IdentityUnavailable",
    "InvalidToken",
    "Policy",
    "PolicyDenied",
    "RememberingValidator",
    "TokenValidator",
]
