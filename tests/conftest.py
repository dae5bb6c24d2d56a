# SPDX-License-Identifier: Apache-2.0
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from clouds import RunningCloud, close_clients, new_cloud, started
from servers import databases
from servers.again import run_changes_twice

settings.register_profile("any machine", deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("any machine")

# Rooms of files that take long, the longest first: they run first, so that workers who take whole files
# (scripts/test.sh) end together.
LONG_ROOMS = (
    *("simulation", "faults", "cluster", "scenario", "clients", "deploy", "database", "orchestration/engine"),
    *("cloud/host", "cli", "loadbalancer", "cloud/network", "cloud/compute"),
)
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long rooms first, then files of many tests; the order inside a file stays."""
    tests = Counter(item.path for item in items)

    def turn(item: pytest.Item) -> tuple[int, int, str]:
        file = os.path.relpath(item.path, HERE)
        rooms = [place for place, room in enumerate(LONG_ROOMS) if file.startswith(f"{room}/")]
        return (rooms or [len(LONG_ROOMS)])[0], -tests[item.path], file

    items.sort(key=turn)


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


@pytest.fixture(scope="session", autouse=True)
def servers_end() -> Iterator[None]:
    """The servers that the tests have started end with the tests."""
    if os.environ.get("SAMOVAR_TEST_AGAIN"):
        run_changes_twice()
    yield
    databases.stop()


@pytest.fixture(autouse=True)
def databases_end() -> Iterator[None]:
    """What a test took from a database server can be another's."""
    before = databases.taken()
    yield
    databases.give_back(databases.taken() - before)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The address of an empty database for one test."""
    return databases.url(tmp_path)
