# SPDX-License-Identifier: Apache-2.0
"""The engine: operations on stacks, claimed under leases, worked through graphs, written down in order."""

from .parts import Parts
from .sandbox import ProcessSandbox
from .service import Service
from .vault import Vault, VaultError

__all__ = ["Parts", "ProcessSandbox", "Service", "Vault", "VaultError"]
