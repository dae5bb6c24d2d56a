# SPDX-License-Identifier: Apache-2.0
"""Pure: user data as it arrives (plain, gzip, MIME of many parts) to a flat list of typed parts."""

from __future__ import annotations

import email
import email.policy
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Any, cast

from samovar.cloud.host.user_data_yaml import UserDataError, load

__all__ = ["Part", "parts_of"]

LARGEST = 16 << 20
MOST_PARTS = 256
DEEPEST = 8
# What a text begins with, and which type that makes it.
BEGINNINGS = (
    (b"#!", "text/x-shellscript"),
    (b"#cloud-config-archive", "text/cloud-config-archive"),
    (b"#cloud-config", "text/cloud-config"),
    (b"#cloud-boothook", "text/cloud-boothook"),
    (b"#part-handler", "text/part-handler"),
    (b"#include-once", "text/x-include-once-url"),
    (b"#include", "text/x-include-url"),
    (b"#upstart-job", "text/upstart-job"),
    (b"## template: jinja", "text/jinja2"),
)
GENERIC = {"text/plain", "text/x-not-multipart", "application/octet-stream", "text/x-shellscript", ""}


@dataclass(frozen=True)
class Part:
    """One piece of user data. ``problem``: why it is not used, when it isn't."""

    type: str
    name: str
    content: bytes
    problem: str = ""


def parts_of(user_data: bytes) -> list[Part]:
    """All parts in order, named as cloud-init names them (``part-001`` …) where they have no name."""
    found: list[Part] = []
    for part in _split(user_data, "", "", 0):
        if len(found) >= MOST_PARTS:
            found.append(Part("", "user data", b"", f"more than {MOST_PARTS} parts; the rest is not used"))
            break
        name = part.name.replace("/", "_").lstrip(".") or f"part-{len(found) + 1:03d}"
        found.append(Part(part.type, name, part.content, part.problem))
    return found


def _split(content: bytes, kind: str, name: str, depth: int) -> Iterator[Part]:
    if depth > DEEPEST:
        yield Part(kind, name, b"", f"it is nested more than {DEEPEST} deep")
        return
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gunzip(content)
        except UserDataError as error:
            yield Part(kind, name, b"", str(error))
            return
        kind = ""
    if not content.strip():
        return
    head = content[:4096].lstrip()
    if kind.startswith("multipart/") or (kind in GENERIC and _is_mime(head)):
        yield from _multipart(content.lstrip(), name, depth)
        return
    kind = _type_of(head, kind)
    if kind == "text/cloud-config-archive":
        yield from _archive(content, name, depth)
    elif kind == "text/unknown":
        words = "it begins neither with #!, #cloud-config nor anything else that cloud-init knows"
        yield Part(kind, name, content, words)
    else:
        yield Part(kind, name, content)


def _is_mime(head: bytes) -> bool:
    return (
        head[:13].lower() == b"content-type:" or head[:13].lower() == b"mime-version:" or head[:5] == b"From "
    )


def _type_of(head: bytes, given: str) -> str:
    """The type: what the text begins with wins over a general type, a special type over the text."""
    if given not in GENERIC:
        return given
    for beginning, kind in BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head.startswith(b"{") and b'"ignition"' in head:
        return "application/vnd.coreos.ignition+json"
    return given if given == "text/x-shellscript" else "text/unknown"


def _multipart(content: bytes, name: str, depth: int) -> Iterator[Part]:
    message = email.message_from_bytes(content, policy=email.policy.compat32)
    yield from _message(message, name, depth)


def _message(message: Message[str, str], name: str, depth: int) -> Iterator[Part]:
    if message.is_multipart() and depth <= DEEPEST:
        for inner in message.get_payload():
            yield from _message(cast(Any, inner), "", depth + 1)
        return
    payload = message.get_payload(decode=True)
    kind = message.get_content_type() if message.get("Content-Type") else ""
    if isinstance(payload, bytes):
        yield from _split(
            payload, "" if kind.startswith("multipart/") else kind, message.get_filename() or name, depth + 1
        )


def _archive(content: bytes, name: str, depth: int) -> Iterator[Part]:
    try:
        entries = load(content)
    except UserDataError as error:
        yield Part("text/cloud-config-archive", name, b"", str(error))
        return
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, str):
            entry = {"content": entry}
        if isinstance(entry, dict) and isinstance(entry.get("content"), str):
            kind, filename = str(entry.get("type", "")), str(entry.get("filename", ""))
            yield from _split(entry["content"].encode(), kind, filename, depth + 1)


def gunzip(content: bytes) -> bytes:
    """The content of a gzip stream of at most 16 MiB."""
    stream = zlib.decompressobj(31)
    try:
        plain = stream.decompress(content, LARGEST)
    except zlib.error as error:
        raise UserDataError(f"its gzip data is damaged ({error})") from None
    if stream.unconsumed_tail:
        raise UserDataError(f"it unpacks to more than {LARGEST >> 20} MiB")
    if not stream.eof:
        raise UserDataError("its gzip data is damaged (it ends too early)")
    return plain
