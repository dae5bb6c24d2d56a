# SPDX-License-Identifier: Apache-2.0
"""A clock that is asked over a network: what an answer is worth depends on how long it took."""

import datetime
import types

import pytest

from samovar.database import clock, now, tables, utcnow


class Server:
    """A connection whose answers to the question for the time take so many seconds, one after the other."""

    dialect = types.SimpleNamespace(name="postgresql")

    def __init__(self, monkeypatch, seconds):
        self.info, self.seconds, self.passed = {}, list(seconds), 1000.0
        monkeypatch.setattr(clock, "time", types.SimpleNamespace(monotonic=lambda: self.passed))
        self.began = utcnow()

    def execute(self, question):
        told = self.began + datetime.timedelta(seconds=self.passed - 1000)
        self.passed += self.seconds.pop(0)
        return types.SimpleNamespace(scalar_one=lambda: told.replace(tzinfo=None))


@pytest.fixture(autouse=True)
def correction(monkeypatch):
    monkeypatch.setattr(tables, "_correction", datetime.timedelta())


async def test_an_answer_that_was_long_under_way_is_asked_for_again(monkeypatch):
    server = Server(monkeypatch, [60.0, 0.001])
    assert (now(server) - server.began).total_seconds() == pytest.approx(60)
    server.passed += 5
    assert (now(server) - server.began).total_seconds() == pytest.approx(65, abs=0.01)
    assert server.seconds == []


async def test_a_server_that_always_answers_late_is_no_reason_to_distrust_this_machines_clock(monkeypatch):
    server = Server(monkeypatch, [3.0] * 6)
    now(server)
    now(server)
    assert server.info == {}
    assert tables._correction == datetime.timedelta()
