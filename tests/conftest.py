# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator

import pytest

from clouds import RunningCloud, close_clients, new_cloud, started


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """One running cloud for all the tests that only need one."""
    with started(new_cloud(tmp_path_factory.mktemp("cloud"))) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def clients_end() -> Iterator[None]:
    """The clients' program ends with the tests."""
    yield
    close_clients()
