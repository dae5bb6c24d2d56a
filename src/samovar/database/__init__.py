# SPDX-License-Identifier: Apache-2.0
"""The database: one engine, one journal that group-commits, leases with epochs, migrations."""

from . import mysql as _mysql  # noqa: F401  (how tables are made there)
from .clock import now
from .engine import Database, DatabaseFull, DatabaseUnavailable
from .rows import delete_rows, insert_rows, update_rows
from .tables import Json, Timestamp, hex_id, metadata, new_id, utcnow

__all__ = [
    "Database",
    "DatabaseFull",
    "DatabaseUnavailable",
    "Json",
    "Timestamp",
    "delete_rows",
    "hex_id",
    "insert_rows",
    "metadata",
    "new_id",
    "now",
    "update_rows",
    "utcnow",
]
