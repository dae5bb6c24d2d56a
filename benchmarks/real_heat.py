# SPDX-License-Identifier: Apache-2.0
"""Real Heat as a peer to measure against: its API and engine from PyPI, in an environment of their own.

MariaDB and RabbitMQ are started for it on private ports (Debian: apt install mariadb-server rabbitmq-server);
Keystone is the identity service of this program.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from servers.mariadb import MariaDB
from servers.program import free_port
from servers.rabbitmq import RabbitMQ

PACKAGES = ("openstack-heat", "PyMySQL", "gunicorn", "setuptools<81")
WORKERS = 2

CONFIGURATION = """
[DEFAULT]
transport_url = {rabbit}
deferred_auth_method = trusts
num_engine_workers = {workers}
max_resources_per_stack = -1
max_stacks_per_tenant = -1
max_json_body_size = 50000000
max_template_size = 50000000
auth_encryption_key = 0123456789abcdef0123456789abcdef
environment_dir = {environment}/etc/heat/environment.d
template_dir = {environment}/etc/heat/templates
[database]
connection = {database}
[keystone_authtoken]
www_authenticate_uri = {identity}
auth_url = {identity}
{account}
[trustee]
auth_url = {identity}
{account}
[clients_keystone]
auth_uri = {identity}
[paste_deploy]
api_paste_config = {environment}/etc/heat/api-paste.ini
"""

ACCOUNT = """auth_type = password
username = heat
password = {password}
user_domain_id = default
project_name = service
project_domain_id = default"""

API = """
import sys
from gunicorn.app.base import BaseApplication
class Api(BaseApplication):
    def load_config(self):
        self.cfg.set("bind", "127.0.0.1:{port}")
        self.cfg.set("workers", {workers})
        self.cfg.set("timeout", 600)
    def load(self):
        sys.argv = ["heat-api", "--config-file", "{file}"]
        from heat.wsgi.api import application
        return application
Api().run()
"""


def environment_of(folder: Path) -> Path:
    """A virtual environment with Heat in it, made when it is not there."""
    if not (folder / "bin" / "heat-engine").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "-q", *PACKAGES], check=True)
    return folder


class RealHeat:
    """heat-api and heat-engine over MariaDB and RabbitMQ."""

    def __init__(self, folder: Path, environment: Path, identity: str, password: str) -> None:
        self._environment = environment
        self.port = free_port()
        self._rabbit, self._maria = RabbitMQ(), MariaDB()
        self._file = folder / "heat.conf"
        account = ACCOUNT.format(password=password)
        self._file.write_text(
            CONFIGURATION.format(
                rabbit=self._rabbit.url, workers=WORKERS, environment=environment,
                database=self._maria.new(), identity=identity, account=account,
            )
        )  # fmt: skip
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._run("heat-manage", "db_sync").wait()
        self._processes.clear()
        self._run("heat-engine")
        api = API.format(port=self.port, workers=WORKERS, file=self._file)
        self._start([str(environment / "bin" / "python"), "-c", api], "heat-api")
        self._ready()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def pids(self) -> list[int]:
        """Its own processes and those they have started; neither the database nor the broker."""
        return [each for process in self._processes for each in family(process.pid)]

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [str(self._environment / "bin" / program), "--config-file", str(self._file), *arguments]
        return self._start(command, program)

    def _start(self, command: list[str], name: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": ""})
        self._processes.append(process)
        return process

    def _ready(self) -> None:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthcheck", timeout=5).close()
                break
            except (OSError, urllib.error.URLError):
                if time.monotonic() > deadline:
                    raise RuntimeError((self._folder / "heat-api.log").read_text()[-3000:]) from None
                time.sleep(0.5)
        time.sleep(10)  # the engine's workers connect to the broker

    def close(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._maria.stop()
        self._rabbit.stop()


def family(pid: int) -> list[int]:
    """The process and all that it has started."""
    found = [pid]
    for other in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((other / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found += family(int(other.name))
    return found


def cpu_seconds(pids: list[int]) -> float:
    """Processor time that these processes have used."""
    ticks = 0
    for pid in pids:
        try:
            fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def peak_megabytes(pids: list[int]) -> float:
    """The most memory that each of these processes has held, added up."""
    total = 0
    for pid in pids:
        try:
            lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return total / 1024


def password_of(state_dir: Path, name: str) -> str:
    found: str = json.loads((state_dir / "passwords.json").read_text())[name]
    return found
