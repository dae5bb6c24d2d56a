# SPDX-License-Identifier: Apache-2.0
"""Who is calling, and what they may do."""

from .context import Context, InvalidToken, TokenValidator
from .policy import Policy, PolicyDenied

__all__ = ["Context", "InvalidToken", "Policy", "PolicyDenied", "TokenValidator"]
