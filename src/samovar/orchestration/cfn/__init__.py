# SPDX-License-Identifier: Apache-2.0
"""The CloudFormation side of orchestration."""

from .service import Service

__all__ = ["Service"]
