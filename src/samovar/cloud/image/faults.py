# SPDX-License-Identifier: Apache-2.0
"""Glance's shape of an error: JSON for those who ask for it, a small HTML page for all others."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from samovar.web import Call, Fault, NotFound


def render_fault(fault: Fault, call: Call) -> tuple[Any, Mapping[str, str]]:
    code = f"{fault.status} {fault.title}"
    if "json" in call.request.headers.get("accept", ""):
        return {"message": fault.message, "code": code, "title": fault.title}, {}
    page = (
        f"<html>\n <head>\n  <title>{code}</title>\n </head>\n <body>\n  <h1>{code}</h1>\n"
        f"  {html.escape(fault.message)}<br /><br />\n </body>\n</html>"
    )
    return page, {"content-type": "text/html; charset=UTF-8"}


def no_image(image_id: str) -> NotFound:
    return NotFound(f"No image found with ID {image_id}")
