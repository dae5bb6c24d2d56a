# SPDX-License-Identifier: Apache-2.0
"""Load balancers as templates of Neutron's days have them, and the key manager's types: real traffic."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clouds import RunningCloud, new_cloud, started

pytestmark = pytest.mark.kernel
TEMPLATE = Path(__file__).parent / "stacks" / "older-balancing.yaml"


def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What `condition` gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def names(address: str, secure: ssl.SSLContext | None = None, path: str = "/") -> set[str]:
    """Who answers, or the status of what is no answer."""
    found = set()
    for _ in range(6):
        connection: http.client.HTTPConnection
        if secure is None:
            connection = http.client.HTTPConnection(address, timeout=2)
        else:
            connection = http.client.HTTPSConnection(address, 9443, timeout=2, context=secure)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read().decode().strip()
            found.add(body if answer.status == 200 else str(answer.status))
        except OSError:
            return set()
        finally:
            connection.close()
    return found


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pem")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = f"-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {key} -out {certificate} -days 5"
    subprocess.run(
        ["openssl", "req", "-x509", *made.split(), "-subj", "/CN=www.example.org"],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with started(new_cloud(tmp_path_factory.mktemp("older"))) as running:
        yield running


def test_older_templates_make_load_balancers(cloud: RunningCloud, pem: tuple[Path, Path]) -> None:
    certificate, key = pem
    given = ("-P", f"site_certificate={certificate.read_text()}", "-P", f"site_key={key.read_text()}")
    made = json.loads(cloud.up(str(TEMPLATE), *given, "--json"))
    assert made["status"] == "CREATE_COMPLETE", made
    outputs = made["outputs"]
    until(lambda: names(outputs["first"]) == {"one", "two"})
    assert (outputs["vip"]["address"], outputs["vip"]["protocol_port"]) == ("10.88.0.200", 80)
    assert outputs["method"] == "ROUND_ROBIN"
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    until(lambda: names(outputs["second"], context) == {"one"})
    assert names(outputs["second"], context, "/no") == {"403"}
    assert outputs["words"] == "open sesame" and list(outputs["box"]) == ["words"]
    assert outputs["public_key"].startswith("-----BEGIN PUBLIC KEY-----")
    assert cloud.openstack_json("secret", "get", outputs["key"])["Algorithm"] == "aes"

    # The monitor is a set of values: the pool's own follows them. A weight of none takes a member out.
    changed = json.loads(cloud.up(str(TEMPLATE), *given, "-P", "delay=2", "-P", "weight=0", "--json"))
    assert changed["status"] == "UPDATE_COMPLETE", changed
    until(lambda: names(outputs["first"]) == {"two"})
    monitors = cloud.openstack_json("loadbalancer", "healthmonitor", "list")
    shown = [cloud.openstack_json("loadbalancer", "healthmonitor", "show", one["id"]) for one in monitors]
    assert sorted((one["type"], one["delay"]) for one in shown) == [("HTTP", 2), ("TCP", 1)]

    cloud.openstack("stack", "delete", "-y", "--wait", "older-balancing")
    assert cloud.openstack_json("loadbalancer", "list") == []
    # What was ordered stays, as with Barbican; what was stored goes.
    kinds = [one["Secret type"] for one in cloud.openstack_json("secret", "list")]
    assert sorted(kinds) == ["private", "public", "symmetric"], kinds
