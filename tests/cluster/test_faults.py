# SPDX-License-Identifier: Apache-2.0
"""One fault after the other under a steady mix, and the balance sheet afterwards.

drill.py runs each kind of fault on every service, and longer.
"""

import signal
import time

import pytest

from cluster.load_balancing import load_balancing

pytestmark = [pytest.mark.kernel, pytest.mark.faults]


class Schedule:
    """Waits until so many seconds of the mix have passed."""

    def __init__(self, mix):
        self._began = mix.began

    def __call__(self, seconds):
        time.sleep(max(0.0, self._began + seconds - time.monotonic()))


@pytest.fixture
def balanced(guide):
    """The guide's cluster with load balancing."""
    with load_balancing(guide):
        yield guide


def test_nothing_is_lost_or_made_twice_whatever_dies(balanced, capsys):
    guide = balanced
    mix = guide.mix(24, rate=1.5, balancers=0.25)
    at, services = Schedule(mix), guide.services
    at(3)
    services["heat-engine-1@b"].process.kill()
    at(5)
    services["heat-engine-2@b"].process.send_signal(signal.SIGSTOP)  # past its lease, then woken
    at(7)
    services["heat-api@b"].process.terminate()
    services["octavia-worker@b"].process.kill()
    guide.again("heat-engine-1@b")
    guide.broker.end(signal.SIGTERM)
    guide.again("heat-api@b")
    at(12)
    guide.again("octavia-worker@b")
    at(15)
    guide.broker.begin()
    at(19)
    services["heat-engine-2@b"].process.send_signal(signal.SIGCONT)
    services["heat-engine-1@c"].process.terminate()
    guide.cut("c", whole=True)
    at(23)
    guide.cut("c", whole=False)
    guide.again("heat-engine-1@c")
    sheet = mix.sheet()
    with capsys.disabled():
        print(f"\n    {sheet}")
    assert sheet["problems"] == []
    assert (sheet["lost"], sheet["duplicated"], sheet["orphaned"]) == ([], [], [])
    assert sheet["done"] == sheet["operations"]
    # Taken over within 15 seconds; where the machine is slow, what is slower without a fault, too, is not counted.
    assert sheet["slowest"] <= 15 + 6 * sheet["median"]


def test_what_the_database_was_away_for_is_done_when_it_is_back(guide):
    mix = guide.mix(10, rate=1.0)
    at = Schedule(mix)
    at(2)
    guide.database.end(signal.SIGTERM)
    at(7)
    guide.database.begin()
    sheet = mix.sheet()
    assert sheet["problems"] == []
    assert (sheet["lost"], sheet["duplicated"], sheet["orphaned"]) == ([], [], [])
