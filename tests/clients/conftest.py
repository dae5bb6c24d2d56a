# SPDX-License-Identifier: Apache-2.0
"""The running cloud, as the tests of the real clients use it: any user of it by environment variables."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from clouds import RunningCloud, new_cloud, run_openstack, started


class Live:
    """The `openstack` command as one of the cloud's users."""

    def __init__(self, cloud: RunningCloud) -> None:
        self.cloud = cloud
        self.origin = f"http://127.0.0.1:{cloud.port}"
        self.passwords: dict[str, str] = json.loads((cloud.state_dir / "passwords.json").read_text())
        ids = {row["Name"]: row["ID"] for row in self.json("project", "list")}
        self.first = SimpleNamespace(admin_project_id=ids["admin"], project_id=ids["samovar"])

    def run(
        self,
        *words: str,
        user: str = "admin",
        project: str = "admin",
        status: int = 0,
        **environment: str | None,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``openstack`` with these words; the completed process, its exit status checked."""
        variables: dict[str, str | None] = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.cloud.folder),
            "OS_AUTH_URL": f"{self.origin}/identity",
            "OS_USERNAME": user,
            "OS_PASSWORD": self.passwords.get(user, ""),
            "OS_PROJECT_NAME": project,
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "OS_IDENTITY_API_VERSION": "3",
            **environment,
        }
        given = {name: value for name, value in variables.items() if value is not None}
        done = run_openstack(list(words), given, self.cloud.folder / "openstack")
        assert (done.returncode == 0) is (status == 0), (words, done.stdout, done.stderr)
        return done

    def json(self, *words: str, **options: Any) -> Any:
        """The same with ``-f json``, decoded."""
        text = self.run(*words, "-f", "json", **options).stdout
        start = min(index for index in (text.find("{"), text.find("[")) if index >= 0)
        return json.JSONDecoder().raw_decode(text[start:])[0]

    def mine(self, *words: str, **options: Any) -> Any:
        """The same as the member user."""
        return self.json(*words, user="samovar", project="samovar", **options)

    def until(self, server: str, wanted: str) -> Any:
        """Wait until the server has this status."""
        deadline = time.monotonic() + 30
        while (found := self.mine("server", "show", server))["status"] != wanted:
            assert time.monotonic() < deadline and found["status"] != "ERROR", found
        return found


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """A cloud for each file: what the clients leave in one is nothing to another."""
    with started(new_cloud(tmp_path_factory.mktemp("clients"))) as running:
        yield running


@pytest.fixture(scope="module")
def live(cloud: RunningCloud) -> Iterator[Live]:
    yield Live(cloud)
