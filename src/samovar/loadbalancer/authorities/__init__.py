# SPDX-License-Identifier: Apache-2.0
"""Certificates and keys between controllers and amphorae."""

from .authority import Authority, AuthorityError, expires_at
from .store import Store

__all__ = ["Authority", "AuthorityError", "Store", "expires_at"]
