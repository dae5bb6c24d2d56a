# SPDX-License-Identifier: Apache-2.0
"""Load balancing in front of another cloud, of which it knows the Keystone: all over HTTP, nothing shared."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from benchmarks.load_balancer_site import PORTS, Site, site

from clouds import ROOT, free_port

pytestmark = pytest.mark.kernel
CONFIGURATION = """\
[api_settings]
bind_host = 127.0.0.1
bind_port = {port}
[health_manager]
bind_port = {heartbeats}
[keystone_authtoken]
www_authenticate_uri = {keystone}
auth_url = {keystone}
auth_type = password
username = admin
password = {password}
user_domain_name = Default
project_name = admin
project_domain_name = Default
interface = public
"""
SERVICES = ("octavia-api", "octavia-worker", "octavia-health-manager", "octavia-housekeeping")


class Octavia:
    """A process with a database of its own, and requests to its API with the other cloud's tokens."""

    def __init__(self, folder: Path, here: Site) -> None:
        folder.mkdir()
        self.here, self.log, port = here, folder / "log", free_port()
        self.url = f"http://127.0.0.1:{port}"
        passwords = json.loads((here.state / "passwords.json").read_text())
        file = folder / "octavia.conf"
        keystone = here.user.auth_url.removesuffix("/v3")
        file.write_text(
            CONFIGURATION.format(
                port=port, heartbeats=free_port(), keystone=keystone, password=passwords["admin"]
            )
        )
        command = [sys.executable, "-m", "samovar.cli.main", "serve", *SERVICES]
        command += ["--config-file", str(file), "--state-dir", str(folder / "state")]
        environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            headers={"x-auth-token": await self.here.user.token(), "content-type": "application/json"},
            data=None if body is None else json.dumps(body).encode(),
        )

        def send() -> Any:
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                with error:
                    return error.code
            except OSError:
                return None

        return await asyncio.to_thread(send)

    async def until(self, path: str, condition: Any, seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        while not condition(found := await self.ask("GET", path)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{found}\n{self.log.read_text()[-3000:]}")
            await asyncio.sleep(0.1)
        return found

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)


async def test_it_drives_a_cloud_that_it_knows_only_by_its_apis(tmp_path: Path) -> None:
    async with site() as here:
        octavia = Octavia(tmp_path / "octavia", here)
        try:
            await octavia.until("/readyz", lambda found: found is not None and not isinstance(found, int))
            body = here.graph("elsewhere", [(one, PORTS[0]) for one in here.members])
            path = "/v2.0/lbaas/loadbalancers"
            made = await octavia.ask("POST", path, {"loadbalancer": body})
            identity, vip = made["loadbalancer"]["id"], made["loadbalancer"]["vip_address"]
            one = f"{path}/{identity}"
            await octavia.until(one, lambda found: found["loadbalancer"]["provisioning_status"] == "ACTIVE")
            await here.until(lambda: here.asked(vip)[0] == 200, 20)
            # By heartbeats over that cloud's networks:
            await octavia.until(one, lambda found: found["loadbalancer"]["operating_status"] == "ONLINE")
            servers = (await here.admin.get("compute", "/servers"))["servers"]
            (amphora,) = [server for server in servers if server["name"].startswith("amphora-")]
            here.kill(amphora["id"], "")
            await here.until(lambda: here.asked(vip)[0] != 200, 10)
            await here.until(lambda: here.asked(vip)[0] == 200, 40)
            known = await here.user.get("load-balancer", "/v2.0/lbaas/loadbalancers")
            assert known["loadbalancers"] == [], "the cloud's own load balancing knows nothing of it"
            await octavia.until(one, lambda found: found["loadbalancer"]["provisioning_status"] == "ACTIVE")
            await octavia.ask("DELETE", f"{one}?cascade=true")
            await octavia.until(one, lambda found: found == 404)
            assert [
                server["name"]
                for server in (await here.admin.get("compute", "/servers"))["servers"]
                if server["name"].startswith("amphora-")
            ] == []
        finally:
            with contextlib.suppress(ProcessLookupError):
                octavia.close()
