# SPDX-License-Identifier: Apache-2.0
import pytest

from samovar.config import CoordinationSettings
from samovar.coordination import Alone, Partition, open_coordinator


def test_a_heartbeat_that_is_too_slow_is_refused_at_start():
    with pytest.raises(ValueError, match=r"heartbeat \(10 s\) must be shorter .* \(10 s\)"):
        open_coordinator(CoordinationSettings(heartbeat=10.0), None)
    slow = CoordinationSettings(backend_url="memcached://h:11211?timeout=2")
    with pytest.raises(ValueError, match=r"heartbeat \(3 s\) must be shorter .* \(2 s\)"):
        open_coordinator(slow, None)
    with pytest.raises(ValueError, match="timeout=soon is not a number"):
        open_coordinator(CoordinationSettings(backend_url="memcached://h:11211?timeout=soon"), None)


def test_a_backend_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="there is no driver for carrier-pigeon"):
        open_coordinator(CoordinationSettings(backend_url="carrier-pigeon://h"), None)


async def test_who_is_alone_has_everything():
    alone = open_coordinator(CoordinationSettings(), None, alone=True)
    assert isinstance(alone, Alone)
    share = Partition(alone, "pollers")
    await share.refresh()
    assert share.mine("anything")
    async with alone.lock("x") as first, alone.lock("x") as second:
        assert (first, second) == (True, False)


async def test_when_the_backend_is_away_the_work_goes_on():
    slow = CoordinationSettings(backend_url="memcached://127.0.0.1:1", heartbeat=0.5, membership_timeout=1.0)
    coordinator = open_coordinator(slow, None)
    share = Partition(coordinator, "pollers")
    await share.refresh()
    assert share.mine("anything")
    await coordinator.stop()
