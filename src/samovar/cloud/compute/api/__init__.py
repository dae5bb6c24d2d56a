# SPDX-License-Identifier: Apache-2.0
"""Nova's v2.1 API, a file for each of its resources."""

from .build import Parts, build_api

__all__ = ["Parts", "build_api"]
