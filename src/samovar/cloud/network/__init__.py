# SPDX-License-Identifier: Apache-2.0
"""The local cloud's networks: Neutron's API, the addresses, and the wiring of the host."""

from .service import Service

__all__ = ["Service"]
