# SPDX-License-Identifier: Apache-2.0
"""The agent, as a controller and as clients of its load balancer see it."""

from __future__ import annotations

import ast
import datetime
import http.client
import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from samovar.loadbalancer.authorities import Authority, Store
from samovar.loadbalancer.haproxy import Place, difference, render
from samovar.loadbalancer.health import Heartbeat, Verifier
from samovar.loadbalancer.tree import Member, SessionPersistence

from ..loadbalancer.haproxy.trees import identity, listener, member, monitor, pool, tree
from .conftest import SOURCE, Amphora, free_port, until


class Site:
    """A load balancer on one port of loopback."""

    def __init__(self, amphora: Amphora) -> None:
        self.amphora, self.port = amphora, free_port()

    def text(self, *members: Member, **given: Any) -> str:
        web = pool("web", *members, **given)
        place = Place(directory=str(self.amphora.home / "state"), most_connections=500)
        return render(tree(listener(port=self.port, default_pool_id=web.id), pools=(web,)), place).text

    def get(self, path: str = "/") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def answers(self, count: int = 8) -> set[str]:
        return {self.get()[1] for _ in range(count)}


@pytest.fixture
def site(amphora: Amphora) -> Site:
    return Site(amphora)


def test_only_the_standard_library_is_used() -> None:
    for path in (SOURCE / "samovar_amphora").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            for name in names:
                first = name.split(".")[0]
                assert first in sys.stdlib_module_names or first == "samovar_amphora", (path, name)


def test_strangers_are_not_let_in(amphora: Amphora, tmp_path: Path) -> None:
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    nobody.check_hostname = False
    nobody.load_verify_locations(cadata=amphora.store.server_ca.certificate_pem())
    with pytest.raises((ssl.SSLError, OSError)):
        amphora.ask("GET", "/1/status", context=nobody)
    # An amphora's own certificate does not make it a controller.
    impostor = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    impostor.check_hostname = False
    impostor.load_verify_locations(cadata=amphora.store.server_ca.certificate_pem())
    impostor.load_cert_chain(amphora.home / "server.pem")
    with pytest.raises((ssl.SSLError, OSError)):
        amphora.ask("GET", "/1/status", context=impostor)
    with pytest.raises(ssl.SSLError):
        amphora.ask("GET", "/1/status", context=_trusting(Authority.make("other"), amphora.store))


def _trusting(authority: Authority, store: Store) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=authority.certificate_pem())
    context.load_cert_chain(store.client_certificate())
    return context


def test_bad_requests_are_answered_in_a_sentence(amphora: Amphora) -> None:
    assert amphora.ask("GET", "/nothing")[0] == 404
    assert amphora.ask("PUT", "/1/configuration", {})[0] == 400
    assert amphora.ask("PUT", "/1/configuration", [1])[0] == 400
    assert amphora.configure("nonsense\n")[0] == 409
    status, answer = amphora.configure("global\n", files={"../escape": "x"})
    assert status == 409 and "cannot be the name of a file" in answer["error"]


def test_traffic_from_nothing_to_503_to_two_members(
    site: Site, amphora: Amphora, members: tuple[int, int]
) -> None:
    first, second = members
    assert amphora.configure(site.text())[1]["how"] == "start"
    assert site.get()[0] == 503
    one, two = member("m1", "127.0.0.1", first), member("m2", "127.0.0.1", second)
    before = site.text()
    for wanted in ([one], [one, two], [two], []):
        after = site.text(*wanted)
        found = difference(before, after)
        base = amphora.ask("GET", "/1/configuration")[1]["digest"]
        answer = amphora.configure(after, base=base, commands=found.commands, optional=found.optional)
        assert answer[1]["how"] == "runtime", answer
        names = {name for name, each in (("one", one), ("two", two)) if each in wanted}
        assert site.answers() == names if names else site.get()[0] == 503
        before = after


def test_a_configuration_that_haproxy_refuses_changes_nothing(
    site: Site, amphora: Amphora, members: tuple[int, int]
) -> None:
    amphora.configure(site.text(member("m1", "127.0.0.1", members[0])))
    status, answer = amphora.configure(site.text() + "\nfrontend broken\n    bind nowhere:x\n")
    assert status == 409 and "ALERT" in answer["error"]
    assert site.answers() == {"one"}


def test_no_request_fails_in_reloads(site: Site, amphora: Amphora, members: tuple[int, int]) -> None:
    both = member("m1", "127.0.0.1", members[0]), member("m2", "127.0.0.1", members[1])
    amphora.configure(site.text(*both))
    failures: list[object] = []
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            try:
                status, _ = site.get()
                if status != 200:
                    failures.append(status)
            except OSError as error:
                failures.append(error)

    clients = [threading.Thread(target=load) for _ in range(3)]
    for client in clients:
        client.start()
    for number in range(10):
        algorithm = ("LEAST_CONNECTIONS", "ROUND_ROBIN")[number % 2]
        assert amphora.configure(site.text(*both, algorithm=algorithm))[1]["how"] == "reload"
    done.set()
    for client in clients:
        client.join()
    assert failures == []
    status = amphora.ask("GET", "/1/status")[1]
    assert status["haproxy"]["reloads"] == 10 and status["haproxy"]["restarts"] == 0
    counted = amphora.ask("GET", "/1/statistics")[1]["statistics"][identity("listener")]
    assert counted["total_connections"] > 30  # carried over the reloads


def test_connections_from_before_a_reload_are_known(site: Site, amphora: Amphora) -> None:
    def leaving() -> int:
        return int(amphora.ask("GET", "/1/statistics")[1]["leaving"])

    amphora.configure(site.text())
    with socket.create_connection(("127.0.0.1", site.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        assert amphora.configure(site.text(algorithm="LEAST_CONNECTIONS"))[1]["how"] == "reload"
        assert leaving() == 1
    until(lambda: leaving() == 0)


def test_clients_keep_their_server_over_a_reload(
    site: Site, amphora: Amphora, members: tuple[int, int]
) -> None:
    kept = SessionPersistence("SOURCE_IP", None, None, None)
    both = member("m1", "127.0.0.1", members[0]), member("m2", "127.0.0.1", members[1])
    amphora.configure(site.text(*both, persistence=kept))
    (mine,) = site.answers()
    for _ in range(3):
        # The order of servers, and so their numbers, is another; the client's server is not.
        both = both[1], both[0]
        assert amphora.configure(site.text(*both, persistence=kept))[1]["how"] == "reload"
        assert site.answers() == {mine}


def test_a_member_that_was_off_takes_traffic_after_a_reload(
    site: Site, amphora: Amphora, members: tuple[int, int]
) -> None:
    off = member("m1", "127.0.0.1", members[0], enabled=False)
    amphora.configure(site.text(off))
    assert site.get()[0] == 503
    on = member("m1", "127.0.0.1", members[0], backup=True)
    assert amphora.configure(site.text(on))[1]["how"] == "reload"
    assert site.answers() == {"one"}


def test_a_member_that_failed_its_checks_takes_traffic_without_them(
    site: Site, amphora: Amphora, members: tuple[int, int]
) -> None:
    failing = member("m1", "127.0.0.1", members[0], monitor_port=free_port())
    checked = site.text(failing, monitor=monitor("TCP", delay=1, timeout=1, fall=1, rise=1))
    amphora.configure(checked)
    until(lambda: site.get()[0] == 503)
    assert amphora.configure(site.text(failing))[1]["how"] == "reload"
    assert site.answers() == {"one"}


def test_haproxy_that_is_killed_is_back_at_once(
    site: Site, amphora: Amphora, members: tuple[int, int]
) -> None:
    amphora.configure(site.text(member("m1", "127.0.0.1", members[0])))
    pid = amphora.ask("GET", "/1/status")[1]["haproxy"]["pid"]
    os.kill(pid, 9)
    until(lambda: amphora.ask("GET", "/1/status")[1]["haproxy"]["restarts"] == 1)
    assert amphora.ask("GET", "/1/status")[1]["haproxy"]["pid"] not in (pid, None)
    assert site.answers() == {"one"}


def test_the_agent_that_is_killed_takes_over_what_runs(
    site: Site, amphora: Amphora, members: tuple[int, int]
) -> None:
    amphora.configure(site.text(member("m1", "127.0.0.1", members[0])))
    first = amphora.ask("GET", "/1/status")[1]
    amphora.kill()
    assert site.answers() == {"one"}
    amphora.start()
    again = until(lambda: amphora.ask("GET", "/1/status")[1])
    assert again["haproxy"]["pid"] != first["haproxy"]["pid"] and again["epoch"] > first["epoch"]
    assert site.answers() == {"one"}
    until(lambda: not Path(f"/proc/{first['haproxy']['pid']}").exists() or _zombie(first["haproxy"]["pid"]))


def _zombie(pid: int) -> bool:
    return ") Z " in Path(f"/proc/{pid}/stat").read_text()


def test_heartbeats_are_signed_count_up_and_tell_how_members_are(
    site: Site, amphora: Amphora, members: tuple[int, int]
) -> None:
    checked = monitor("TCP", delay=1)
    web = member("m1", "127.0.0.1", members[0]), member("m2", "127.0.0.1", free_port())
    amphora.configure(site.text(*web, monitor=checked))
    seen: list[Heartbeat] = []

    def told() -> bool:
        seen.append(_read(amphora.udp.recv(65536), amphora.key))
        states = [m.status for p in seen[-1].pools.values() for m in p.members.values()]
        return sorted(states) == ["DOWN", "UP"]

    until(told)
    assert [message.seq for message in seen] == sorted({message.seq for message in seen})
    assert len({message.epoch for message in seen}) == 1
    assert seen[-1].listeners[identity("listener")].status == "OPEN"
    assert seen[-1].id == amphora.id


def _read(datagram: bytes, key: str) -> Heartbeat:
    return Verifier(lambda _: key).read(datagram)


def test_its_certificate_is_exchanged_while_it_runs(amphora: Amphora) -> None:
    pem = amphora.store.server_ca.issue_server(amphora.id, datetime.timedelta(days=60))
    assert amphora.ask("PUT", "/1/agent/certificate", {"pem": "nonsense"})[0] == 400
    assert amphora.ask("PUT", "/1/agent/certificate", {"pem": pem})[0] == 200
    with _connected(amphora) as connection:
        shown = ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True) or b"")
    assert shown.strip() == pem.partition("-----BEGIN PRIVATE")[0].strip()


def _connected(amphora: Amphora) -> ssl.SSLSocket:
    return amphora.context().wrap_socket(socket.create_connection(("127.0.0.1", amphora.port), 10))


def test_no_key_comes_into_the_log(site: Site, amphora: Amphora) -> None:
    pem = amphora.store.server_ca.issue_server("x", datetime.timedelta(days=1))
    amphora.ask("PUT", "/1/certificates/site.pem", {"pem": pem})
    amphora.configure(site.text(), files={"other.pem": pem}, keep=["other.pem"])
    held = amphora.ask("GET", "/1/status")[1]["certificates"]
    assert list(held) == ["other.pem"]
    log = amphora.log.read_text()
    assert "PRIVATE" not in log and amphora.key not in log and "PUT /1/configuration 200" in log


@pytest.mark.kernel
def test_the_ping_check_asks_as_any_user(amphora: Amphora) -> None:
    check = amphora.home / "state" / "check-ping"
    script = (
        "ip link set lo up; echo '0 65535' >/proc/sys/net/ipv4/ping_group_range;"
        f"for one in 127.0.0.1 ::1 203.0.113.1; do {check} - 0 $one 0; echo $?; done"
    )
    ran = subprocess.run(["unshare", "--net", "sh", "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["0", "0", "1"], ran.stderr


def test_metrics_have_the_names_of_load_balancing(
    site: Site, amphora: Amphora, members: tuple[int, int]
) -> None:
    web = pool("web", member("m1", "127.0.0.1", members[0]))
    state = str(amphora.home / "state")  # pytest's folders are closed to nobody
    place = Place(directory=state, most_connections=500, user="root", group="root")
    metrics = free_port()
    listeners = (
        listener(port=site.port, default_pool_id=web.id),
        listener("metrics", metrics, protocol="PROMETHEUS"),
    )
    assert amphora.configure(render(tree(*listeners, pools=(web,)), place).text)[0] == 200
    assert site.get() == (200, "one")
    connection = http.client.HTTPConnection("127.0.0.1", metrics, timeout=10)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    lines = answer.read().decode().splitlines()
    connection.close()
    assert answer.status == 200 and not any("haproxy_" in line or "prometheus" in line for line in lines)
    names = f'pool="{web.id}:{identity("listener")}",member="{identity("m1")}"'
    assert f'octavia_listener_http_requests_total{{listener="{identity("listener")}"}} 1' in lines
    assert f'octavia_member_status{{{names},state="UP"}} 1' in lines
    assert any(line.startswith("octavia_loadbalancer_current_connections ") for line in lines)
