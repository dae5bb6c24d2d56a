# SPDX-License-Identifier: Apache-2.0
"""Answers of the Query API: XML, or JSON of the same structure when the request has ContentType=JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold


def rendered(answer: Mapping[str, Any], content_type: str | None) -> tuple[bytes, Mapping[str, str]]:
    """The body and its headers."""
    if content_type == "JSON":
        return json.dumps(answer).encode(), {"content-type": "application/json"}
    return _xml(answer).encode(), {"content-type": "text/xml"}


def _xml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(f"<{key}>{_xml(item)}</{key}>" for key, item in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(item)}</member>" for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"  # the only spellings that AWS's SDKs read
    return escape(_FORBIDDEN.sub("�", str(value)))
