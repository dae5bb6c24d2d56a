# SPDX-License-Identifier: Apache-2.0
"""The native orchestration API, version 1."""

from .service import Service

__all__ = ["Service"]
