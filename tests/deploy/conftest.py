# SPDX-License-Identifier: Apache-2.0
import os
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
os.environ["PATH"] += ":/usr/sbin"


@pytest.fixture
def inventory_file(tmp_path):
    """Writes an inventory of these machines whose files and sockets are in the test's folder."""

    def write(name="cluster.yaml", **document):
        proxy = {
            "config_dir": str(tmp_path / "etc"),
            "run_dir": str(tmp_path / "run"),
            "user": "",
            "group": "",
            "log": "",
            **document.pop("proxy", {}),
        }
        path = tmp_path / name
        path.write_text(yaml.safe_dump({"proxy": proxy, **document}))
        return path

    return write
