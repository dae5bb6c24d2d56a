# SPDX-License-Identifier: Apache-2.0
"""What the machines of one cluster share beside the data: secrets, sealed with a key that is not here."""

from __future__ import annotations

from sqlalchemy import Column, String, Table, Text

from samovar.database import metadata

secrets = Table(
    "runtime_secrets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("made_by", String(255), nullable=False),
)
