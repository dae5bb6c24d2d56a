# SPDX-License-Identifier: Apache-2.0
"""An engine whose lease ran out while it asked the cloud has lost the work; the stack has not failed."""

import pytest

from samovar.database.leases import LeaseLost
from samovar.orchestration.engine.converge import Converge
from samovar.orchestration.engine.pursuit import Fatal


def test_a_lost_lease_is_no_failure_of_the_resource_that_was_looked_up():
    lost = LeaseLost("not renewed in time")
    with pytest.raises(Fatal) as told:
        Converge._refused(None, "server", lost)
    assert told.value.cause is lost
    with pytest.raises(Fatal) as again:
        Converge._refused(None, "server", told.value)
    assert again.value.cause is lost
