# SPDX-License-Identifier: Apache-2.0
"""Real HAProxy, real keepalived, machines as network namespaces: what clients notice of a fault."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from deploy.machines import ask, do, machines, stream

pytestmark = pytest.mark.kernel

AS_PRINTED = """\
global
    daemon
    maxconn 4000

defaults
    log global
    maxconn 8000
    option redispatch
    retries 3
    timeout http-request 10s
    timeout queue 1m
    timeout connect 10s
    timeout client 1m
    timeout server 1m
    timeout check 10s

listen rest_api_proxy
    bind 10.0.0.1:8004
    balance source
    option tcpka
    option httpchk
    server rest-server-1 10.0.0.2:8004{check}
    server rest-server-2 10.0.0.3:8004{check}

listen cfn_api_proxy
    bind 10.0.0.1:8000
    balance source
    option tcpka
    option httpchk
    server cfn-server-1 10.0.0.2:8000{check}
    server cfn-server-2 10.0.0.3:8000{check}
"""
SCALED = {
    "nodes": [
        {"name": "a", "address": "10.0.0.1", "roles": ["endpoint"]},
        {"name": "b", "address": "10.0.0.2", "services": ["orchestration-api"]},
        {"name": "c", "address": "10.0.0.3", "services": ["orchestration-api"]},
    ],
    "virtual": {"internal": "10.0.0.1"},
}


@pytest.fixture
def lan():
    with machines(a="10.0.0.1", b="10.0.0.2", c="10.0.0.3", d="10.0.0.4") as made:
        yield made


@pytest.fixture
def deploy(lan):
    """`samovar deploy proxy --apply` on a machine."""

    def run(name, file, *options, check=True):
        command = [sys.executable, "-m", "samovar.cli.main", "deploy", "proxy", "--inventory", str(file)]
        command += ["--output", str(file.parent / "out"), "--apply", "--node", name, *options]
        return lan.run(name, *command, check=check)

    return run


@pytest.mark.parametrize("check", ["", " check inter 2000 rise 2 fall 5"])
def test_the_documents_own_file_works_as_printed(lan, tmp_path, check):
    for port in (8004, 8000):
        lan.api("b", port)
        lan.api("c", port)
    (tmp_path / "apis-proxy.conf").write_text(AS_PRINTED.format(check=check))
    lan.start("a", "haproxy", "-db", "-f", str(tmp_path / "apis-proxy.conf"))
    for port in (8004, 8000):
        lan.until("d", lambda port=port: ask("10.0.0.1", port)[0] == 200)
        names = {lan.inside("d", lambda port=port: ask("10.0.0.1", port))[1].split()[0] for _ in range(4)}
        assert len(names) == 1, "balance source keeps a client at one API"


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_reads_notice_at_most_a_second_of_an_apis_end(lan, deploy, inventory_file, fault):
    victim = lan.api("b")
    lan.api("c")
    deploy("a", inventory_file(**SCALED))
    with stream(lan, "d", "10.0.0.1", 8004) as calm:
        time.sleep(1)
    with stream(lan, "d", "10.0.0.1", 8004) as seen:
        time.sleep(0.5)
        victim.send_signal(fault)
        time.sleep(2.5)
    before = {text.split()[0] for sent, _, _, text in seen.answers[:8]}
    assert before == {"b", "c"}, "round robin"
    late = calm.slowest  # how late this machine is anyway
    assert seen.failed == [], seen.describe()
    assert seen.slowest <= 1 + 2 * late and seen.trouble() <= 1 + 4 * late, (late, seen.describe())


def test_apis_that_are_all_late_are_asked_all_the_same(lan, deploy, inventory_file):
    apis = [lan.api("b"), lan.api("c")]
    deploy("a", inventory_file(**SCALED))
    with stream(lan, "d", "10.0.0.1", 8004) as seen:
        time.sleep(0.3)
        for api in apis:
            api.send_signal(signal.SIGSTOP)
        time.sleep(1.2)  # longer than the quick checks wait, shorter than the patient ones
        for api in apis:
            api.send_signal(signal.SIGCONT)
        time.sleep(1)
    assert seen.failed == [], seen.describe()


def test_a_write_is_never_sent_twice_nor_given_up_for_an_api_that_stands_still(
    lan, deploy, inventory_file, tmp_path
):
    written = tmp_path / "written"
    lan.api("b", written=written)
    frozen = lan.api("c", written=written)
    deploy("a", inventory_file(**SCALED))
    with stream(lan, "d", "10.0.0.1", 8004, method="POST") as seen:
        time.sleep(0.5)
        frozen.send_signal(signal.SIGSTOP)
        time.sleep(2)
        frozen.send_signal(signal.SIGCONT)
        time.sleep(1)
    assert seen.failed == [] and seen.slowest <= 3, seen.describe()  # answered when it goes on
    assert sum(took > 1 for _, took, _, _ in seen.answers) < 20, "it gets no more of them"
    done = [line.split()[1] for line in written.read_text().splitlines()]
    assert len(done) == len(set(done)), "each request reached one API once"
    answered = {text.split()[2] for _, _, status, text in seen.answers if status == 200}
    assert answered <= set(done)
    with stream(lan, "d", "10.0.0.1", 8004, method="POST") as cut_off:
        time.sleep(0.3)
        frozen.send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        frozen.kill()
        time.sleep(0.3)
    assert cut_off.failed and {status for _, _, status, _ in cut_off.failed} == {502}, cut_off.describe()
    assert all("look, and try again" in json.loads(text)["error"]["message"] for *_, text in cut_off.failed)


def test_reloading_loses_no_request(lan, deploy, inventory_file):
    lan.api("b")
    lan.api("c")
    assert "The proxy of a is started" in deploy("a", inventory_file(**SCALED)).stdout
    again = deploy("a", inventory_file(**SCALED)).stdout
    assert "is unchanged" in again and "drain_seconds" not in again
    with stream(lan, "d", "10.0.0.1", 8004, every=0.02) as seen:
        for balance in ("leastconn", "source"):
            said = deploy("a", inventory_file(**SCALED, proxy={"balance": balance})).stdout
            assert "The proxy of a is reloaded" in said
    assert seen.failed == [] and seen.slowest < 1, seen.describe()


def test_what_does_not_work_is_not_taken_into_use(lan, deploy, inventory_file):
    lan.api("b")
    lan.api("c")
    deploy("a", inventory_file(**SCALED))
    more = {**SCALED, "services": {"orchestration-api": {"backend_port": 8005}}}
    refused = deploy("a", inventory_file(**more), check=False)
    assert refused.returncode == 1
    assert "a trial of it reached no orchestration-api" in refused.stderr and "--force" in refused.stderr
    assert lan.inside("d", lambda: ask("10.0.0.1", 8004))[0] == 200
    forced = deploy("a", inventory_file(**more), "--force")
    assert "taken into use although orchestration-api does not answer" in forced.stdout
    lan.until("d", lambda: ask("10.0.0.1", 8004)[0] == 503)
    status, text = lan.inside("d", lambda: ask("10.0.0.1", 8004))
    assert (status, "No orchestration-api answers at the moment" in text) == (503, True)
    taken = {**SCALED, "virtual": {"internal": "10.9.9.9/24"}}
    lan.run("a", "sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=0")
    assert (
        deploy("a", inventory_file(**taken, proxy={"monitor_port": 0}), "--force", check=False).returncode
        == 1
    )
    assert lan.inside("d", lambda: ask("10.0.0.1", 8004))[0] == 503, "the old proxy still runs"


def test_public_and_internal_addresses_with_tls(lan, deploy, inventory_file, tmp_path):
    pem = tmp_path / "public.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=cloud", "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "crt")],
        check=True, capture_output=True,
    )  # fmt: skip
    pem.write_text((tmp_path / "crt").read_text() + (tmp_path / "key").read_text())
    lan.api("b")
    lan.api("c", 9311)
    do("ip", "-n", lan.namespace("d"), "route", "add", "192.0.2.11/32", "via", "10.0.0.1")
    document = {
        "nodes": [
            SCALED["nodes"][0],
            SCALED["nodes"][1],
            {**SCALED["nodes"][2], "services": ["key-manager"]},
        ],
        "virtual": {
            "internal": "10.0.0.100/24",
            "public": {"address": "192.0.2.11/32", "tls_certificate": str(pem)},
        },
        "services": {"key-manager": {"public": False}},
    }
    deploy("a", inventory_file(**document))
    lan.until("d", lambda: ask("10.0.0.100", 8004)[0] == 200)
    lan.until("d", lambda: ask("192.0.2.11", 8004, tls=True)[0] == 200)
    assert lan.inside("d", lambda: ask("10.0.0.100", 8004))[1] == "b GET / http"
    assert lan.inside("d", lambda: ask("192.0.2.11", 8004, tls=True))[1] == "b GET / https"
    assert lan.inside("d", lambda: ask("10.0.0.100", 9311))[1].startswith("c")
    assert lan.inside("d", lambda: ask("192.0.2.11", 9311, tls=True))[0] == 0, "not for the public"
    assert lan.inside("d", lambda: ask("10.0.0.100", 8004, path="/metrics"))[0] == 403


def test_the_address_moves_with_the_proxy(lan, deploy, inventory_file):
    """Two endpoints; the one with the address loses its HAProxy, then the other one its machine."""
    lan.api("c")
    nodes = [
        {"name": "a", "address": "10.0.0.1", "roles": ["endpoint"]},
        {"name": "b", "address": "10.0.0.2", "roles": ["endpoint"]},
        SCALED["nodes"][2],
    ]
    document = {"nodes": nodes, "virtual": {"internal": "10.0.0.100/24"}}
    files = {}
    for name in ("a", "b"):
        own = {
            kind: str(inventory_file(nodes=[], virtual={}).parent / name / kind) for kind in ("etc", "run")
        }
        proxy = {"config_dir": own["etc"], "run_dir": own["run"]}
        files[name] = inventory_file(f"{name}.yaml", **document, proxy=proxy)
        deploy(name, files[name])
    lan.until("d", lambda: ask("10.0.0.100", 8004, timeout=1)[0] == 200, seconds=15)
    holder, other = ("a", "b") if lan.has("a", "10.0.0.100") else ("b", "a")
    with stream(lan, "d", "10.0.0.100", 8004, every=0.1, timeout=1) as seen:
        time.sleep(0.5)
        master = int((files[holder].parent / holder / "run" / "haproxy.pid").read_text().split()[0])
        for pid in [*_children(master), master]:
            os.kill(pid, signal.SIGKILL)
        lan.until("d", lambda: lan.has(other, "10.0.0.100") and not lan.has(holder, "10.0.0.100"))
        time.sleep(1)
    assert 0 < seen.trouble() < 4, seen.describe()
    deploy(holder, files[holder])
    time.sleep(2)
    assert lan.has(other, "10.0.0.100"), "it does not move back by itself: a second interruption"
    with stream(lan, "d", "10.0.0.100", 8004, every=0.1, timeout=1) as seen:
        time.sleep(0.5)
        do("ip", "-n", lan.wire, "link", "set", "dev", other, "down")
        lan.until("d", lambda: lan.has(holder, "10.0.0.100"))
        time.sleep(1.5)
    assert 0 < seen.trouble() < 5, seen.describe()


def _children(pid):
    return [int(child) for child in do("pgrep", "-P", str(pid)).split()]
