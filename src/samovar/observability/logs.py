# SPDX-License-Identifier: Apache-2.0
"""Logs: one line for each event, with what it is about, and without secrets.

What a line is about (request, operation, stack) follows the task that logs it: `about` sets it for a
block, and tasks begun inside inherit it.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import msgspec

from samovar.config import ObservabilitySettings, OptionsError

FIELDS = ("request_id", "global_request_id", "operation_id", "stack_id", "load_balancer_id")
QUIET = {"alembic": "WARNING", "uvicorn": "WARNING", "aiormq": "CRITICAL", "asyncio": "WARNING"}
LEVELS = ("DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL")
TEXT = "%(asctime)s %(levelname)s %(name)s: %(about)s%(message)s"

NOTHING: Mapping[str, str] = {}
_about: ContextVar[Mapping[str, str]] = ContextVar("about", default=NOTHING)

SECRETS = (
    (re.compile(r"(?i)(\w+(?:\+\w+)?://[^\s/:@]*):[^\s/@]+@"), r"\1:***@"),
    (
        re.compile(
            r"""(?ix)
            (["']?\b(?:x-(?:auth|subject)-token|[\w-]*(?:password|passwd|secret|passphrase|private_key)|
            auth_encryption_key|heartbeat_key|token)["']?\s*[:=]\s*["']?)
            (?!\*\*\*)[^\s"',;}&]+"""
        ),
        r"\1***",
    ),
    (re.compile(r"\bgAAAA[\w-]{20,}=*"), "***"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), "***"),
)
"""What looks like a secret, and what is written instead: URLs with passwords, named secrets, tokens, keys."""


@contextlib.contextmanager
def about(**names: str) -> Iterator[None]:
    """Have every line logged in this block carry these names (those of FIELDS; empty ones are left out)."""
    before = _about.get()
    _about.set({**before, **_given(names)})
    try:
        yield
    finally:
        _about.set(before)  # not reset(): a coroutine that is thrown away ends in another context


def task_is_about(**names: str) -> None:
    """The same to the end of the running task."""
    _about.set({**_about.get(), **_given(names)})


def _given(names: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in names.items() if value}


def begin_logging(settings: ObservabilitySettings, services: str = "samovar") -> None:
    """Set up the root logger. Raises OptionsError."""
    handler: logging.Handler
    if settings.log_file:
        try:
            handler = logging.FileHandler(Path(settings.log_file))
        except OSError as error:
            raise OptionsError(f"[DEFAULT] log_file: {settings.log_file}: {error.strerror}") from error
    else:
        handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(services) if settings.use_json else TextLines())
    root = logging.getLogger()
    for old in tuple(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if settings.debug else logging.INFO)
    for name, level in {**QUIET, **_levels(settings.default_log_levels)}.items():
        logging.getLogger(name).setLevel(level)


def _levels(pairs: list[str]) -> dict[str, str]:
    levels = {}
    for pair in pairs:
        name, _, level = pair.partition("=")
        if level.strip().upper() not in LEVELS:
            raise OptionsError(
                f"[DEFAULT] default_log_levels: {pair!r} is not LOGGER=LEVEL with one of {', '.join(LEVELS)}."
            )
        levels[name.strip()] = level.strip().upper()
    return levels


def masked(text: str) -> str:
    """The text without what looks like a secret."""
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text


class TextLines(logging.Formatter):
    """For people: what it is about in brackets before the message."""

    def __init__(self) -> None:
        super().__init__(TEXT)

    def format(self, record: logging.LogRecord) -> str:
        names = _about.get()
        record.about = f"[{' '.join(names.values())}] " if names else ""
        return masked(super().format(record))


class JsonLines(logging.Formatter):
    """For programs: one object in each line."""

    def __init__(self, services: str) -> None:
        super().__init__()
        self._same = {"host": socket.gethostname(), "process": os.getpid(), "services": services}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": masked(record.getMessage()),
            **_about.get(),
            **self._same,
        }
        if record.exc_info:
            line["exception"] = masked(self.formatException(record.exc_info))
        return msgspec.json.encode(line).decode()
