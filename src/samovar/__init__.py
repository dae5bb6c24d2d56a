# SPDX-License-Identifier: Apache-2.0
"""Samovar: OpenStack orchestration and load balancing that carries its own small cloud."""

__version__ = "0.1.0"
