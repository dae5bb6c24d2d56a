# SPDX-License-Identifier: Apache-2.0
"""The local cloud in several processes on one machine, over SQLite and without a broker."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from clouds import ROOT, free_port, new_cloud, run_openstack

pytestmark = pytest.mark.kernel

PROCESSES = (
    ("keystone", "glance-api", "key-manager"),
    ("network", "compute"),
    ("heat-api", "heat-api-cfn"),
    ("engine",),
)
SECTIONS = (
    "identity",
    "image",
    "network",
    "compute",
    "key_manager",
    "heat_api",
    "heat_api_cfn",
    "api_settings",
)


@pytest.fixture
def apart(tmp_path):
    # Longer than the name of a unix socket may be.
    cloud = new_cloud(
        tmp_path / "a-folder-whose-name-is-rather-long" / "and-another-one-that-makes-it-longer"
    )
    ports = {section: free_port() for section in SECTIONS}
    conf = tmp_path / "samovar.conf"
    sections = "".join(f"[{section}]\nbind_port = {port}\n" for section, port in ports.items())
    conf.write_text(f"{sections}[samovar]\nexternal_cidr = {cloud.external}\ndrain_seconds = 0\n")
    running = []
    for names in PROCESSES:
        with (tmp_path / f"{names[0]}.log").open("wb") as log:
            command = [sys.executable, "-m", "samovar.cli.main", "serve", *names, "--config-file", str(conf)]
            command += ["--state-dir", str(cloud.state_dir)]
            environment = {**os.environ, **cloud.environment}
            running.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
    try:
        deadline = time.monotonic() + 120
        logs = [tmp_path / f"{names[0]}.log" for names in PROCESSES]
        while not all(b"ready: " in log.read_bytes() for log in logs):
            dead = [process for process in running if process.poll() is not None]
            assert not dead and time.monotonic() < deadline, [log.read_text()[-2000:] for log in logs]
            time.sleep(0.1)
        passwords = json.loads((cloud.state_dir / "passwords.json").read_text())
        client = {
            **{name: value for name, value in os.environ.items() if not name.startswith("OS_")},
            "OS_AUTH_URL": f"http://127.0.0.1:{ports['identity']}/v3",
            "OS_USERNAME": "samovar",
            "OS_PASSWORD": passwords["samovar"],
            "OS_PROJECT_NAME": "samovar",
            "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default",
            "OS_IDENTITY_API_VERSION": "3",
        }

        def openstack(*arguments):
            done = run_openstack(list(arguments), client, tmp_path / "openstack")
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        yield cloud, openstack, running
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()
        cloud.samovar("down", "--purge")


def test_a_server_signals_what_it_did_through_processes_that_only_share_the_database(apart):
    cloud, openstack, running = apart
    template = str(ROOT / "examples" / "software-deployment.yaml")
    openstack("stack", "create", "-t", template, "--wait", "soft")
    said = openstack("stack", "output", "show", "soft", "sentence", "-f", "value", "-c", "output_value")
    assert "Good morning from soft-server" in said
    sockets = sorted((cloud.state_dir / "run").glob("*-*.sock"))
    assert len(sockets) == len(PROCESSES) and len(str(sockets[0])) > 107
    for socket in sockets:
        command = ["curl", "-fsS", "--unix-socket", socket.name, "http://here/readyz"]
        told = subprocess.run(command, cwd=socket.parent, capture_output=True, text=True, check=True).stdout
        assert json.loads(told)["status"] == "ready"
    openstack("stack", "delete", "-y", "--wait", "soft")
    for process in running:
        process.send_signal(signal.SIGTERM)
    assert [process.wait(30) for process in running] == [0] * len(running)
    assert sorted((cloud.state_dir / "run").glob("*-*.sock")) == []
