# SPDX-License-Identifier: Apache-2.0
"""What every table is made of: the one MetaData, column types, ids and the clock."""

from __future__ import annotations

import datetime
import os
from typing import Any

import msgspec
from sqlalchemy import Column, Dialect, Integer, MetaData, String, Table, Text
from sqlalchemy.dialects.mysql import DATETIME as MySQLDateTime
from sqlalchemy.dialects.mysql import LONGTEXT
from sqlalchemy.types import DateTime, TypeDecorator, TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""All services declare their tables here, each with the service's name as prefix."""

compatibility = Table(
    "database_compatibility",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("oldest", String(4), nullable=False),
)
"""One row: the oldest revision whose programs can use the database as it is."""


_correction = datetime.timedelta()


def utcnow() -> datetime.datetime:
    """The present moment, aware, in UTC: what all machines agree on, however wrong this one's clock is.

    It is this machine's clock, or the database server's where `clock.py` found that they differ.
    """
    return datetime.datetime.now(datetime.UTC) + _correction


def correct_clock(correction: datetime.timedelta) -> None:
    """Let `utcnow` be so much ahead of this machine's clock."""
    global _correction
    _correction = correction


_DRAWN: list[bytes] = []
"""Random bytes for ids, drawn many at once: each draw is a call of the kernel."""
os.register_at_fork(after_in_child=_DRAWN.clear)


def hex_id() -> str:
    """A random UUID as 32 hexadecimal digits, the form of identity's ids."""
    try:
        drawn = _DRAWN.pop()
    except IndexError:
        block = os.urandom(16 * 256)
        _DRAWN.extend(block[start : start + 16] for start in range(16, len(block), 16))
        drawn = block[:16]
    text = drawn.hex()
    return f"{text[:12]}4{text[13:16]}{'89ab'[drawn[8] & 3]}{text[17:]}"


def new_id() -> str:
    """A random UUID in the usual form with dashes."""
    text = hex_id()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Timestamp(TypeDecorator[datetime.datetime]):
    """An aware datetime, stored in UTC with microseconds."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(MySQLDateTime(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime.datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a timestamp needs a time zone")
        return value.astimezone(datetime.UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime.datetime | None:
        return None if value is None else value.replace(tzinfo=datetime.UTC)


class Json(TypeDecorator[Any]):
    """Any JSON-able value as text, in every database alike (order of keys kept)."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(LONGTEXT())
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)
