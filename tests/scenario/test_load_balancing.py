# SPDX-License-Identifier: Apache-2.0
"""Load balancers as their users have them: the real command, real HAProxy in amphorae, real traffic."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clouds import new_cloud, started

pytestmark = pytest.mark.kernel
EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What `condition` gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


class Site:
    """The web tier of the example, as clients see it."""

    def __init__(self, cloud: Any, address: str) -> None:
        self.cloud, self.address = cloud, address

    def get(self, path: str = "/", headers: dict[str, str] | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.address, 80, timeout=2)
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode().strip()
        finally:
            connection.close()

    def names(self, count: int = 8) -> set[str]:
        """Who answers."""
        found = set()
        for _ in range(count):
            try:
                status, body = self.get()
            except OSError:
                return set()
            found.add(body if status == 200 else str(status))
        return found

    def balancer(self, *words: str, admin: bool = False, json: bool = False) -> Any:
        cloud = "samovar-admin" if admin else "samovar"
        if json:
            return self.cloud.openstack_json("loadbalancer", *words, cloud=cloud)
        return self.cloud.openstack("loadbalancer", *words, cloud=cloud)

    def amphora(self) -> dict[str, Any]:
        (row,) = self.balancer("amphora", "list", admin=True, json=True)
        found: dict[str, Any] = self.balancer("amphora", "show", row["id"], admin=True, json=True)
        return found

    def settled(self) -> bool:
        rows = self.balancer("list", json=True)
        return all(row["provisioning_status"] == "ACTIVE" for row in rows)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with started(new_cloud(tmp_path_factory.mktemp("lb"))) as cloud:
        result = json.loads(cloud.up(str(EXAMPLES / "web-tier.yaml"), "--json"))
        assert result["status"] == "CREATE_COMPLETE", result
        yield Site(cloud, result["outputs"]["url"].removeprefix("http://").rstrip("/"))


def test_the_web_tier_balances_and_says_how_it_is(site: Site) -> None:
    until(lambda: site.names() == {"web0", "web1"})
    (row,) = site.balancer("list", json=True)

    def online() -> bool:
        tree = json.loads(site.balancer("status", "show", row["id"]))
        return tree["loadbalancer"]["operating_status"] == "ONLINE" and "OFFLINE" not in json.dumps(tree)

    until(online)
    until(lambda: site.balancer("stats", "show", row["id"], json=True)["total_connections"] >= 8)
    servers = site.cloud.openstack_json("server", "list", cloud="samovar-admin")
    assert [one for one in servers if one["Name"].startswith("amphora-")]


def test_a_member_that_fails_gets_nothing_and_comes_back(site: Site) -> None:
    until(lambda: site.names() == {"web0", "web1"})
    site.cloud.openstack("server", "stop", "web1")
    until(lambda: site.names() == {"web0"})
    (pool,) = site.balancer("pool", "list", json=True)

    def told() -> bool:
        members = site.balancer("member", "list", pool["id"], json=True)
        return sorted(one["operating_status"] for one in members) == ["ERROR", "ONLINE"]

    until(told)
    (row,) = site.balancer("list", json=True)
    why = until(lambda: tells(site, row["name"], "1 problem", 1))
    assert "DOWN, last check L4" in why and "and holds it" in why
    shown = site.cloud.samovar(
        "lb", "why", row["id"], "--configuration", "--os-cloud", "samovar-admin", status=1
    )
    assert "configuration of amphora" in shown and "backend" in shown
    site.cloud.openstack("server", "start", "web1")
    until(lambda: site.names() == {"web0", "web1"})
    assert "last check L7OK 200" in until(
        lambda: tells(site, row["name"], "everything is as it should be", 0)
    )


def tells(site: Site, name: str, words: str, status: int) -> str:
    """What `samovar lb why` says; empty when these words are not in it."""
    told = site.cloud.samovar("lb", "why", name, status=None)
    if words not in told:
        return ""
    return site.cloud.samovar("lb", "why", name, status=status)


def test_rules_redirect_and_reject_as_they_say(site: Site) -> None:
    (listener,) = site.balancer("listener", "list", json=True)
    make = ("l7policy", "create", "--wait", "--action")
    site.balancer(*make, "REJECT", "--name", "secret", listener["id"])
    rule = ("l7rule", "create", "--wait", "--type", "PATH", "--compare-type", "STARTS_WITH", "--value")
    site.balancer(*rule, "/it's-secret%20", "secret")
    site.balancer(
        *make, "REDIRECT_TO_URL", "--redirect-url", "http://example.org/%41", "--name", "away", listener["id"]
    )
    host = ("l7rule", "create", "--wait", "--type", "HOST_NAME", "--compare-type", "EQUAL_TO", "--value")
    site.balancer(*host, "old.example.org", "away")
    assert site.get("/")[0] == 200 and site.get("/it's-secret%20/x")[0] == 403
    assert site.get("/", {"Host": "old.example.org:80"})[0] == 302
    site.balancer("l7policy", "delete", "away")
    site.balancer("l7policy", "delete", "secret")
    until(lambda: site.settled() and site.get("/", {"Host": "old.example.org"})[0] == 200)


def test_no_request_fails_while_members_change(site: Site) -> None:
    until(lambda: site.settled() and site.names() == {"web0", "web1"})
    (pool,) = site.balancer("pool", "list", json=True)
    members = site.balancer("member", "list", pool["id"], json=True)
    failures: list[object] = []
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            try:
                if site.get()[0] != 200:
                    failures.append("status")
            except OSError as error:
                failures.append(error)

    client = threading.Thread(target=load)
    client.start()
    try:
        for number in range(4):
            one = members[number % 2]["id"]
            site.balancer("member", "set", "--wait", "--weight", str(number + 2), pool["id"], one)
            algorithm = ("LEAST_CONNECTIONS", "ROUND_ROBIN")[number % 2]
            site.balancer("pool", "set", "--wait", "--lb-algorithm", algorithm, pool["id"])
    finally:
        done.set()
        client.join()
    assert failures == []


def test_an_amphora_that_dies_is_mended_by_itself(site: Site) -> None:
    until(lambda: site.settled() and site.names() == {"web0", "web1"})
    amphora = site.amphora()
    state = json.loads((site.cloud.state_dir / "servers" / amphora["compute_id"] / "pid").read_text())
    os.kill(state["pid"], signal.SIGKILL)
    until(lambda: not site.names())
    until(lambda: site.names() == {"web0", "web1"})


def test_failover_puts_another_amphora_in_its_place(site: Site) -> None:
    until(lambda: site.settled() and site.names() == {"web0", "web1"})
    before = site.amphora()["id"]
    (row,) = site.balancer("list", json=True)
    site.balancer("failover", "--wait", row["id"], admin=True)
    assert site.amphora()["id"] != before
    assert site.names() == {"web0", "web1"}


def test_tls_ends_at_the_load_balancer_and_its_key_is_in_no_log(site: Site, tmp_path: Path) -> None:
    key, certificate, bundle = (tmp_path / name for name in ("key.pem", "certificate.pem", "bundle.p12"))
    made = f"-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {key} -out {certificate} -days 5"
    names = "-subj /CN=www.example.org -addext subjectAltName=DNS:www.example.org"
    run = f"openssl req -x509 {made} {names} 2>/dev/null && openssl pkcs12 -export -inkey {key}"
    subprocess.run(f"{run} -in {certificate} -out {bundle} -passout pass:", shell=True, check=True)
    payload = base64.b64encode(bundle.read_bytes()).decode()
    kept = ("--payload-content-type", "application/octet-stream", "--payload-content-encoding", "base64")
    secret = site.cloud.openstack_json("secret", "store", *kept, "--payload", payload)
    (row,) = site.balancer("list", json=True)
    (pool,) = site.balancer("pool", "list", json=True)
    protocol = ("--protocol", "TERMINATED_HTTPS", "--protocol-port", "443", "--default-pool", pool["id"])
    reference = secret["Secret href"]
    site.balancer(
        *("listener", "create", "--wait", "--name", "tls", *protocol),
        *("--default-tls-container-ref", reference, row["id"]),
    )
    context = ssl.create_default_context(cafile=str(certificate))

    def answer() -> str:
        with (
            socket.create_connection((site.address, 443), 5) as plain,
            context.wrap_socket(plain, server_hostname="www.example.org") as secure,
        ):
            secure.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return b"".join(iter(lambda: secure.recv(4096), b"")).decode()

    until(lambda: answer().startswith("HTTP/1.0 200") or answer().startswith("HTTP/1.1 200"))
    logs = [site.cloud.state_dir / "logs" / "samovar.log"]
    logs += (site.cloud.state_dir / "servers").glob("*/console.log")
    assert not any("PRIVATE" in log.read_text(errors="replace") for log in logs)
    site.balancer("listener", "delete", "tls")
    until(site.settled)


def test_two_amphorae_share_a_vip_and_one_may_die(site: Site) -> None:
    profile = ("--name", "pair", "--provider", "amphora", "--flavor-data")
    site.balancer(
        "flavorprofile", "create", *profile, '{"loadbalancer_topology": "ACTIVE_STANDBY"}', admin=True
    )
    site.balancer("flavor", "create", "--name", "pair", "--flavorprofile", "pair", "--enable", admin=True)
    (web,) = (row for row in site.balancer("list", json=True))
    subnet = site.balancer("show", web["id"], json=True)["vip_subnet_id"]
    site.balancer("create", "--wait", "--name", "pair", "--flavor", "pair", "--vip-subnet-id", subnet)
    site.balancer("listener", "create", "--wait", "--protocol", "HTTP", "--protocol-port", "80", "pair")
    port = site.balancer("show", "pair", json=True)["vip_port_id"]
    address = site.cloud.openstack_json("floating", "ip", "create", "--port", port, "public")
    pair = Site(site.cloud, address["floating_ip_address"])
    until(lambda: pair.names(1) == {"503"})
    rows = site.balancer("amphora", "list", "--loadbalancer", "pair", admin=True, json=True)
    assert sorted(row["role"] for row in rows) == ["BACKUP", "MASTER"]
    active = site.balancer("amphora", "show", _active(site, rows), admin=True, json=True)
    state = json.loads((site.cloud.state_dir / "servers" / active["compute_id"] / "pid").read_text())
    os.kill(state["pid"], signal.SIGKILL)
    began = time.monotonic()
    until(lambda: pair.names(1) == {"503"} and time.monotonic() - began > 0.2)
    assert time.monotonic() - began < 5  # by VRRP, before anybody replaces the amphora
    site.cloud.openstack("floating", "ip", "delete", address["floating_ip_address"])
    site.balancer("delete", "--cascade", "--wait", "pair")


def _active(site: Site, rows: list[dict[str, Any]]) -> str:
    """The amphora that has the VIP just now."""
    for row in rows:
        server = site.balancer("amphora", "show", row["id"], admin=True, json=True)["compute_id"]
        shown = subprocess.run(
            ["ip", "-n", f"sv-srv-{server}", "address"], capture_output=True, text=True, check=True
        )
        if f" {row['ha_ip']}/32 " in shown.stdout:
            return str(row["id"])
    raise AssertionError("no amphora has the VIP")


def test_what_was_made_goes_with_the_load_balancer(site: Site) -> None:
    site.cloud.openstack("stack", "delete", "--yes", "--wait", "web-tier")
    assert site.balancer("list", json=True) == []
    servers = site.cloud.openstack_json("server", "list", "--all-projects", cloud="samovar-admin")
    assert servers == []
    ports = site.cloud.openstack_json("port", "list", cloud="samovar-admin")
    assert [port["Name"] for port in ports if "octavia" in port["Name"]] == []


def test_a_killed_controller_makes_nothing_twice(tmp_path: Path) -> None:
    with started(new_cloud(tmp_path)) as cloud:
        site = Site(cloud, "")
        cloud.openstack("network", "create", "private")
        cloud.openstack(
            "subnet", "create", "--network", "private", "--subnet-range", "10.9.0.0/24", "private"
        )
        for number, seconds in enumerate((0.0, 0.4, 1.0)):
            site.balancer("create", "--name", f"lb{number}", "--vip-subnet-id", "private")
            time.sleep(seconds)  # somewhere in the middle of making the amphora
            running = json.loads((cloud.state_dir / "run" / "samovar.json").read_text())
            os.kill(running["pid"], signal.SIGKILL)
            cloud.up()
        until(lambda: site.settled() and len(site.balancer("list", json=True)) == 3, 60)
        rows = site.balancer("amphora", "list", admin=True, json=True)
        assert [row["status"] for row in rows] == ["ALLOCATED"] * 3
        servers = cloud.openstack_json("server", "list", "--all-projects", cloud="samovar-admin")
        assert sorted(one["Name"] for one in servers) == sorted(f"amphora-{row['id']}" for row in rows)
        ports = cloud.openstack_json("port", "list", cloud="samovar-admin")
        assert len([port for port in ports if "octavia-lb-vrrp" in port["Name"]]) == 3
