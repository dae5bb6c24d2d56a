# SPDX-License-Identifier: Apache-2.0
"""Certificates of amphorae are renewed while traffic flows, and nothing secret comes into a log."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from benchmarks.load_balancer_site import PORTS, Site, Watching, site

pytestmark = [pytest.mark.kernel, pytest.mark.asyncio(loop_scope="module")]
# Each certificate is good for a minute and renewed in its last fifty-five seconds.
SHORT = """
[certificates]
cert_validity_time = 60
[house_keeping]
cert_interval = 1
cert_expiry_buffer = 55
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here() -> AsyncIterator[Site]:
    async with site(configuration=SHORT) as made:
        yield made


def certificate(address: str) -> str:
    return ssl.get_server_certificate((address, 9443), timeout=5)


async def balanced(here: Site) -> tuple[str, dict[str, Any]]:
    made = await here.create(here.graph("certificates", [(one, PORTS[0]) for one in here.members]))
    await here.active(made["id"])
    (row,) = await here.amphorae(made["id"])
    return made["vip_address"], row


async def test_certificates_are_renewed_before_they_end_and_nothing_notices(here: Site) -> None:
    vip, row = await balanced(here)
    watching = Watching(here.client, vip, every=0.01, timeout=1)
    try:
        shown = {certificate_of(row)}
        deadline = asyncio.get_running_loop().time() + 30
        while len(shown) < 3 and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.2)
            shown.add(certificate_of(row))
        assert len(shown) >= 3, "no other certificate was seen"
        made = certs(here, "rotate", "--authority", "client", "--json")
        assert json.loads(made) == {"renewed": 1, "failed": {}}
        made = certs(here, "rotate", "--authority", "server", "--json")
        assert json.loads(made) == {"renewed": 1, "failed": {}}
        before = certificate_of(row)
        await here.until(lambda: certificate_of(row) != before, 15, 0.2)  # by the running one, under new ones
    finally:
        watching.stop()
    assert watching.good and not watching.bad
    (after,) = await here.amphorae(row["loadbalancer_id"])
    assert after["id"] == row["id"], "no failover was needed"
    shown_now = json.loads(certs(here, "show", "--json"))
    assert {one["name"] for one in shown_now} >= {"server authority", "client authority", "controller"}
    assert not any("former" in one["name"] for one in shown_now)


def certificate_of(row: dict[str, Any]) -> str:
    """What the agent shows; who has no certificate sees it as well."""
    return certificate(row["lb_network_ip"])


def certs(here: Site, *words: str) -> str:
    command = [sys.executable, "-m", "samovar.cli.main", "certs", *words, "--state-dir", str(here.state)]
    configured = ["--config-file", str(here.state.parent / "octavia.conf")]
    done = subprocess.run([*command, *configured], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def test_no_log_holds_a_key_or_a_signature(here: Site) -> None:
    secrets = secrets_of(here.state / "loadbalancer")
    for path in (here.state / "servers").glob("*/upper/root/etc/samovar-amphora/*"):
        text = path.read_text()
        if path.name == "agent.json":
            secrets.append(json.loads(text)["heartbeat_key"])
        secrets += [line for line in text.splitlines() if len(line) == 64 and "-" not in line][:3]
    assert len(secrets) >= 5
    logs = [
        *(here.state / "logs").iterdir(),
        *(here.state / "servers").glob("*/console.log"),
        here.state / "agent.log",
    ]
    for log in logs:
        text = log.read_text(errors="replace")
        assert "PRIVATE KEY" not in text, log
        assert not [one for one in secrets if one in text], log


def secrets_of(folder: Path) -> list[str]:
    found = []
    for path in folder.iterdir():
        text = path.read_text()
        if path.name == "heartbeat.key":
            found.append(text.strip())
        elif "PRIVATE" in text:
            found += text.partition("PRIVATE KEY-----")[2].split()[:2]
    return found


async def test_an_operator_gets_the_files_that_the_guide_names(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "samovar.cli.main",
        "certs",
        "create",
        "--output",
        str(tmp_path / "certs"),
    ]
    command += ["--state-dir", str(tmp_path / "state")]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    assert f"ca_private_key = {tmp_path}/certs/server_ca.key.pem" in done.stdout
    files = {path.name: path.stat().st_mode & 0o77 for path in (tmp_path / "certs").iterdir()}
    assert {"server_ca.cert.pem", "client_ca.cert.pem", "client.cert-and-key.pem"} <= files.keys()
    assert not any(files.values()), "for their owner only"
