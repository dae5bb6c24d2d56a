# SPDX-License-Identifier: Apache-2.0
"""Certificates and keys between controllers and amphorae."""

from .authority import Authority, AuthorityError, expires_at
from .store import CERTIFICATES, CLIENT, CLIENT_CA, SERVER_CA, Store

__all__ = [
    "CERTIFICATES",
    "CLIENT",
    "CLIENT_CA",
    "SERVER_CA",
    "Authority",
    "AuthorityError",
    "Store",
    "expires_at",
]
