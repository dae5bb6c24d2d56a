# SPDX-License-Identifier: Apache-2.0
import os
from collections.abc import Iterator

import pytest

from cluster.cluster import Cluster, cluster

os.environ["PATH"] += ":/usr/sbin"


@pytest.fixture(scope="session")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster of Heat's guide to scaling."""
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made
