# SPDX-License-Identifier: Apache-2.0
"""What the machines of one cluster share beside the data: secrets, sealed with a key that is not here, and
which processes there are."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table, Text

from samovar.database import Json, Timestamp, metadata

secrets = Table(
    "runtime_secrets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("made_by", String(255), nullable=False),
)

# One row for each process that serves: what an operator asks for when a cluster is looked at.
processes = Table(
    "runtime_processes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("services", Json, nullable=False),
    Column("places", Json, nullable=False),
    Column("version", String(64), nullable=False),
    Column("interval", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("figures", Json, nullable=False),
    Column("started_at", Timestamp, nullable=False),
    Column("reported_at", Timestamp, nullable=False),
)
