# SPDX-License-Identifier: Apache-2.0
"""The clock that leases go by: the database server's, so that all machines agree.

It is asked once in a while for each connection and followed by the monotonic clock in between; a
machine whose own clock is wrong, or is set while it works, holds its leases like any other. Where
the two differ by more than a second `utcnow` follows the server's, too: deadlines, tokens and whatever
else is compared by another machine than the one that wrote it. An SQLite database is on one machine,
whose clock it is.
"""

from __future__ import annotations

import datetime
import logging
import time

from sqlalchemy import Connection, text

from .tables import correct_clock, utcnow

log = logging.getLogger(__name__)
ASK_AGAIN_SECONDS = 30.0
PROMPT_SECONDS, TRIES = 0.5, 3  # an answer that took longer (a paused process) says too little of the present
TOLERATED = datetime.timedelta(seconds=1)
_KEY = "samovar clock"
_QUESTIONS = {
    "postgresql": text("SELECT timezone('utc', clock_timestamp())"),
    "mysql": text("SELECT UTC_TIMESTAMP(6)"),
    "mariadb": text("SELECT UTC_TIMESTAMP(6)"),
}


def now(connection: Connection) -> datetime.datetime:
    """The database's present moment, aware, in UTC."""
    question = _QUESTIONS.get(connection.dialect.name)
    if question is None:
        return utcnow()
    known: tuple[datetime.datetime, float] | None = connection.info.get(_KEY)
    monotonic = time.monotonic()
    if known is not None and monotonic - known[1] <= ASK_AGAIN_SECONDS:
        return known[0] + datetime.timedelta(seconds=monotonic - known[1])
    for _ in range(TRIES):
        asked = time.monotonic()
        told: datetime.datetime = connection.execute(question).scalar_one().replace(tzinfo=datetime.UTC)
        heard = time.monotonic()
        if heard - asked <= PROMPT_SECONDS:
            connection.info[_KEY] = told, heard
            _follow(told)
            break
    return told


def _follow(there: datetime.datetime) -> None:
    """Have `utcnow` agree with the server's clock, as well as anybody can tell who is told of it."""
    if abs(there - utcnow()) <= TOLERATED:
        return
    correction = there - datetime.datetime.now(datetime.UTC)
    if abs(correction) <= TOLERATED:  # what was wrong has been set right
        correction = datetime.timedelta()
    else:
        log.warning(
            "this machine's clock is %.0f s %s the database's, which is followed; set it right",
            abs(correction.total_seconds()),
            "behind" if correction > datetime.timedelta() else "ahead of",
        )
    correct_clock(correction)
