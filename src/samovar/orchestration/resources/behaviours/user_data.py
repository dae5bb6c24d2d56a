# SPDX-License-Identifier: Apache-2.0
"""User data as a server gets them: plain, or as one multi-part message with the agents' files."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from email import message_from_string
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

_BOUNDARY = "===============samovar-user-data=="
_STARTS = (
    ("#!", "x-shellscript", "cfn-userdata"),
    ("#cloud-config", "cloud-config", "user-data.yaml"),
    ("#cloud-boothook", "cloud-boothook", "boothook.sh"),
    ("#include", "x-include-url", "include.txt"),
    ("#part-handler", "part-handler", "part-handler.py"),
)
# Where the agents inside servers look for what the stack wants of them.
_AGENT_FILES = ("/var/lib/heat-cfntools/cfn-init-data", "/var/lib/cloud/data/cfn-init-data")


def user_data(text: str, form: str, metadata: Mapping[str, Any], user: str = "") -> str | None:
    """The user data of a server in the form RAW, HEAT_CFNTOOLS or SOFTWARE_CONFIG; None: none at all.

    `metadata` is the resource's metadata, given to agents in the forms that are not RAW; `user`: whom the
    server's keys let in, in place of the image's own.
    """
    if form == "RAW" or (form == "HEAT_CFNTOOLS" and not metadata and not user):
        return text or None
    if _is_ignition(text):
        return _with_ignition_files(text, metadata)
    parts = [_agent_part(metadata)] if metadata or form == "SOFTWARE_CONFIG" else []
    if user:
        parts.append(_part(f"#cloud-config\nuser: {user}\n", "cloud-config", "login-user.yaml"))
    return _message(parts + _user_parts(text))


def encoded(text: str) -> str:
    """As the compute API takes it."""
    return base64.b64encode(text.encode()).decode("ascii")


def _part(text: str, subtype: str, filename: str) -> MIMEText:
    part = MIMEText(text, subtype, "utf-8" if not text.isascii() else "us-ascii")
    part.add_header("Content-Disposition", "attachment", filename=filename)
    return part


def _message(parts: list[MIMEText]) -> str:
    message = MIMEMultipart("mixed", boundary=_BOUNDARY)
    for part in parts:
        message.attach(part)
    return message.as_string()


def _user_parts(text: str) -> list[MIMEText]:
    """The user's own text: taken apart when it is a multi-part message itself."""
    if not text:
        return []
    if text.lstrip().lower().startswith(("content-type: multipart", "mime-version:")):
        return [
            _part(
                str(inner.get_payload(decode=True).decode("utf-8", "replace")),  # type: ignore[union-attr]
                inner.get_content_subtype(),
                inner.get_filename() or f"part-{number}",
            )
            for number, inner in enumerate(message_from_string(text.lstrip()).walk())
            if not inner.is_multipart()
        ]
    for start, subtype, filename in _STARTS:
        if text.startswith(start):
            return [_part(text, subtype, filename)]
    return [_part(text, "x-shellscript", "cfn-userdata")]


def _agent_part(metadata: Mapping[str, Any]) -> MIMEText:
    """A cloud-config that writes the metadata where agents read them."""
    content = json.dumps(dict(metadata))
    files = [
        {"path": path, "permissions": "0600", "encoding": "b64", "content": encoded(content)}
        for path in _AGENT_FILES
    ]
    return _part("#cloud-config\n" + json.dumps({"write_files": files}), "cloud-config", "cfn-init-data.yaml")


def _is_ignition(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(parsed, dict) and "ignition" in parsed


def _with_ignition_files(text: str, metadata: Mapping[str, Any]) -> str:
    config = json.loads(text)
    source = "data:;base64," + encoded(json.dumps(dict(metadata)))
    storage = config.setdefault("storage", {})
    files = storage.setdefault("files", [])
    files += [{"path": path, "mode": 0o600, "contents": {"source": source}} for path in _AGENT_FILES]
    return json.dumps(config)
