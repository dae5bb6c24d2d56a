# SPDX-License-Identifier: Apache-2.0
"""Revocation: every token issued until now that has to do with something is void."""

from __future__ import annotations

import datetime

from sqlalchemy import Connection, delete, insert

from samovar.database import utcnow

from .tables import revocations


def revoke(
    connection: Connection, kind: str, subject: str, expires_at: datetime.datetime | None = None
) -> None:
    """Make void the tokens of `subject`: an audit id, or the id of a user, project, domain or trust.

    The entry is dropped once all those tokens have expired: at `expires_at`, else after a year.
    """
    now = utcnow()
    connection.execute(delete(revocations).where(revocations.c.expires_at < now))
    connection.execute(
        insert(revocations).values(
            subject=subject,
            kind=kind,
            issued_before=now,
            expires_at=expires_at or now + datetime.timedelta(days=366),
        )
    )
