# SPDX-License-Identifier: Apache-2.0
"""The local cloud's key manager: Barbican's API for secrets, containers and who may read them."""

from .service import Service
from .vault import Vault

__all__ = ["Service", "Vault"]
