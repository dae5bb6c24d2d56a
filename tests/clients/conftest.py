# SPDX-License-Identifier: Apache-2.0
"""A cloud on a port of loopback, and the real openstack command against it."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
import uvicorn

from samovar.cloud import identity, image
from samovar.config import Settings
from samovar.database import Database
from samovar.web import Prefixes

OPENSTACK = os.environ.get("OPENSTACK_CLIENT") or shutil.which("openstack")


class LiveCloud:
    """Identity and image, served by uvicorn in a thread of this process."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(20), "the cloud did not start"

    async def _serve(self) -> None:
        database = Database(f"sqlite:///{self.state_dir}/cloud.db")
        database.create_tables()
        settings = Settings(state_dir=self.state_dir)
        keystone = identity.Service(database, settings)
        glance = image.Service(database, settings, keystone.validator())
        applications = {"identity": keystone.api().asgi(), "image": glance.api().asgi()}
        self.first = await keystone.bootstrap([identity.CatalogEntry("image", "glance", "/image")])
        await glance.bootstrap(self.first.admin_project_id)
        await glance.start()
        root = applications["identity"]
        self.server = uvicorn.Server(uvicorn.Config(Prefixes(applications, root), log_level="warning"))
        self._ready.set()
        await self.server.serve(sockets=[self.socket])
        await glance.stop()
        await database.close()

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(20)
        self.socket.close()

    def run(self, *words, user="admin", project="admin", status=0, **environment):
        """Run ``openstack`` with these words; the completed process, its exit status checked."""
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.state_dir),
            "OS_AUTH_URL": f"{self.origin}/identity",
            "OS_USERNAME": user,
            "OS_PASSWORD": self.first.passwords.get(user, ""),
            "OS_PROJECT_NAME": project,
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "OS_IDENTITY_API_VERSION": "3",
            **environment,
        }
        variables = {name: value for name, value in variables.items() if value is not None}
        done = subprocess.run([OPENSTACK, *words], env=variables, capture_output=True, text=True, timeout=120)
        assert (done.returncode == 0) is (status == 0), (words, done.stdout, done.stderr)
        return done

    def json(self, *words, **options):
        """The same with ``-f json``, decoded."""
        return json.loads(self.run(*words, "-f", "json", **options).stdout)


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    assert OPENSTACK, (
        "python-openstackclient is needed: put openstack in PATH or its path in OPENSTACK_CLIENT"
    )
    cloud = LiveCloud(tmp_path_factory.mktemp("live"))
    yield cloud
    cloud.stop()
