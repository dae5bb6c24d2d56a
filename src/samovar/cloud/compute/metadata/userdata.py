# SPDX-License-Identifier: Apache-2.0
"""User data, from the base64 of the API to bytes."""

from __future__ import annotations

import base64


def decoded(text: str | None) -> bytes:
    """Base64 as the API took it, blanks and line ends included."""
    return base64.b64decode("".join((text or "").split()))
