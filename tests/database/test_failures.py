# SPDX-License-Identifier: Apache-2.0
"""What errors of the drivers mean; PyMySQL's carry PostgreSQL's kind of code, too, in newer versions."""

import psycopg
import pymysql
import pytest
from sqlalchemy.exc import OperationalError

from samovar.database.servers import Failure, failure, is_refused


def mysql(number, state):
    error = pymysql.err.OperationalError(number, "words")
    error.sqlstate = state
    return OperationalError("SELECT 1", {}, error)


@pytest.mark.parametrize(
    ("number", "state", "meant"),
    [
        (1213, "40001", Failure.COLLISION),
        (1205, "HY000", Failure.COLLISION),
        (1020, "HY000", Failure.COLLISION),
        (1049, "42000", Failure.AWAY),
        (1290, "HY000", Failure.AWAY),
        (1927, "70100", Failure.AWAY),
        (2013, None, Failure.AWAY),
        (1062, "23000", Failure.STATEMENT),
        (1064, "42000", Failure.STATEMENT),
    ],
)
def test_a_number_of_mariadb_says_what_happened_whatever_else_the_error_carries(number, state, meant):
    assert failure(mysql(number, state)) is meant


def test_who_is_refused_need_not_wait():
    assert is_refused(mysql(1045, "28000"))
    assert is_refused(mysql(1049, "42000"))
    assert not is_refused(mysql(2003, None))
    words = 'connection failed: FATAL:  database "nowhere" does not exist'
    assert is_refused(OperationalError("", {}, psycopg.OperationalError(words)))
    words = "connection failed: Connection refused\n\tIs the server running on that host?"
    assert not is_refused(OperationalError("", {}, psycopg.OperationalError(words)))
