# SPDX-License-Identifier: Apache-2.0
"""Version discovery documents, in the shape that keystoneauth reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def versions_document(
    href: str,
    *,
    id: str,
    status: str = "CURRENT",
    updated: str | None = None,
    version: str | None = None,
    min_version: str | None = None,
    media_type: str | None = None,
) -> Mapping[str, Any]:
    """One version: id, status, a self link, and the microversion range where there is one."""
    document: dict[str, Any] = {"id": id, "status": status, "links": [{"rel": "self", "href": href}]}
    if version is not None:
        document.update(version=version, min_version=min_version or "")
    if updated is not None:
        document["updated"] = updated
    if media_type is not None:
        document["media-types"] = [{"base": "application/json", "type": media_type}]
    return document
