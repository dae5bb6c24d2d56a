# SPDX-License-Identifier: Apache-2.0
"""A real Galera cluster of two nodes behind our proxy, each beside its clustercheck."""

import http.client
import os
import signal
import subprocess
import sys

import pytest

from clouds import ROOT, free_port
from samovar.deploy import apply_proxy, read_inventory, verdict
from servers.galera import GaleraNode, ask, until

WELL = {
    "wsrep_on": "ON",
    "wsrep_cluster_status": "Primary",
    "wsrep_ready": "ON",
    "wsrep_local_state": "4",
    "wsrep_desync": "OFF",
    "read_only": "OFF",
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, None),
        (
            {"wsrep_local_state": "2", "wsrep_local_state_comment": "Donor/Desynced"},
            "not synced: Donor/Desynced",
        ),
        ({"wsrep_local_state": "1"}, "not synced: 1"),
        ({"wsrep_cluster_status": "non-Primary"}, "not in the cluster's majority"),
        ({"wsrep_ready": "OFF"}, "does not take queries"),
        ({"wsrep_desync": "ON"}, "desynced"),
        ({"read_only": "ON"}, "read-only"),
        ({"wsrep_on": "OFF"}, "not part of a Galera cluster"),
    ],
)
def test_a_node_may_be_used_only_when_it_is_synced_and_takes_writes(change, sentence):
    told = verdict({**WELL, **change})
    assert told is None if sentence is None else sentence in told
    assert verdict({**WELL, "read_only": "ON"}, read_only=True) is None
    assert verdict({**WELL, "wsrep_local_state": "2", "wsrep_desync": "ON"}, donor=True) is None


def status(address, port):
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("OPTIONS", "/")
        answer = connection.getresponse()
        return answer.status, answer.read().decode().strip()
    finally:
        connection.close()


@pytest.fixture
def galera():
    port = free_port()
    nodes = [GaleraNode("127.9.0.1", port, [])]
    try:
        nodes.append(GaleraNode("127.9.0.2", port, nodes))
        yield nodes
    finally:
        for node in nodes:
            node.stop()


@pytest.fixture
def checks(galera):
    """The command on each node; `checks.port` is theirs."""
    port = free_port()
    running = []
    for node in galera:
        command = [sys.executable, "-m", "samovar.cli.main", "galera-check", "--connection", node.url]
        command += ["--bind-host", node.address, "--bind-port", str(port), "--available-when-donor"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        running.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE))
    for process in running:
        assert b"answering for the database node" in process.stdout.readline()
    yield port
    for process in running:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.stdout.close()


def test_one_node_writes_until_it_fails_and_does_not_come_back_by_itself(galera, checks, inventory_file):
    front = free_port()
    nodes = [
        {"name": f"n{number}", "address": node.address, "roles": ["database"]}
        for number, node in enumerate(galera)
    ]
    nodes[0]["roles"].append("endpoint")
    document = {
        "nodes": nodes,
        "virtual": {"internal": "127.9.0.9"},
        "database": {"kind": "galera", "port": galera[0].port, "check_port": checks, "inter": "1s"},
        "proxy": {"monitor_port": free_port(), "statistics_port": front},
    }
    inventory = read_inventory(inventory_file(**document))
    pid_file = inventory_file(**document).parent / "run" / "haproxy.pid"
    vip, port = "127.9.0.9", galera[0].port

    def writer():
        return ask(vip, port, "SELECT @@wsrep_node_address")[0][0].split(":")[0]

    assert apply_proxy(inventory, inventory.nodes[0], addresses=False).proxy == "started"
    try:
        until(lambda: writer() == "127.9.0.1")
        assert status("127.9.0.1", checks) == (200, "The node is synced.")
        ask(vip, port, "CREATE DATABASE shared")
        assert {writer() for _ in range(5)} == {"127.9.0.1"}

        galera[0].end(signal.SIGKILL)
        until(lambda: writer() == "127.9.0.2")
        code, reason = status("127.9.0.1", checks)
        assert code == 503 and "does not answer" in reason
        assert ("shared",) in ask(vip, port, "SHOW DATABASES")

        galera[0].begin([galera[1]])
        until(lambda: status("127.9.0.1", checks)[0] == 200)
        assert {writer() for _ in range(20)} == {"127.9.0.2"}, "no second interruption"

        ask("127.9.0.2", port, "SET GLOBAL read_only = ON")
        until(lambda: status("127.9.0.2", checks) == (503, "The node is read-only."))
        until(lambda: writer() == "127.9.0.1")
    finally:
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGTERM)
