# SPDX-License-Identifier: Apache-2.0
"""A cluster of two processes on one database, looked at while it works, while one drains, when one is gone."""

import datetime
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request

import pytest
from sqlalchemy import insert

from clouds import ROOT, free_port
from samovar.database import Database, utcnow
from samovar.database.migrate import upgrade
from samovar.runtime.overview import look, troubles
from samovar.runtime.tables import processes


class Cluster:
    def __init__(self, folder):
        self.folder, self.processes, self.metrics = folder, [], free_port()
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}

    def start(self, name, *services):
        """A process with a state directory of its own, as on a machine of its own."""
        state = self.folder / name
        state.mkdir()
        config = state / "samovar.conf"
        config.write_text(
            f"[database]\nconnection = sqlite:///{self.folder}/shared.db\n"
            f"[samovar]\nbind_host = 127.0.0.1\ndrain_seconds = 0.2\nmetrics_port = {self.metrics}\n"
            f"[identity]\nbind_port = {free_port()}\n[heat_api]\nbind_port = {free_port()}\n"
            f"[DEFAULT]\nauth_encryption_key = {'k' * 32}\nlog_file = {state}/log\nuse_json = true\n"
        )
        command = [sys.executable, "-m", "samovar.cli.main", "serve", *services]
        command += ["--state-dir", str(state), "--config-file", str(config)]
        process = subprocess.Popen(command, env=self.environment)
        self.processes.append(process)
        self.config = config
        return process

    def status(self, *more):
        command = [sys.executable, "-m", "samovar.cli.main", "status", "--cluster", *more]
        command += ["--config-file", str(self.config), "--state-dir", str(self.config.parent)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def until(self, wanted, seconds=30):
        deadline = time.monotonic() + seconds
        while True:
            code, out, err = self.status("--json")
            found = json.loads(out) if out else {"processes": []}
            states = {process["pid"]: process["state"] for process in found["processes"]}
            if states == wanted:
                return code, found
            assert time.monotonic() < deadline, (states, wanted, err)
            time.sleep(0.2)


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()


def test_what_an_operator_sees_of_a_cluster(cluster):
    api = cluster.start("a", "identity", "orchestration-api")
    cluster.until({api.pid: "up"})
    engine = cluster.start("b", "engine")
    code, found = cluster.until({api.pid: "up", engine.pid: "up"})
    assert code == 0 and found["troubles"] == []
    assert found["versions"] == ["0.1.0"] and found["revision"] == found["newest_revision"]
    rows = {process["pid"]: process for process in found["processes"]}
    assert rows[engine.pid]["services"] == ["engine"]
    assert set(rows[api.pid]["places"]) == {"identity", "orchestration-api", "metrics"}
    place = rows[engine.pid]["places"]["metrics"]
    assert place != rows[api.pid]["places"]["metrics"], "each process has a port of its own"
    with urllib.request.urlopen(f"http://{place}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert 'samovar_info{services="engine"' in text and "samovar_journal_commit_seconds_bucket" in text

    database = sqlite3.connect(cluster.folder / "shared.db", isolation_level=None)
    database.execute(
        "INSERT INTO orchestration_operations (id, stack_id, turn, depth, action, status, status_reason, details,"
        " requested_by, request_id, deadline_at, created_at, lease_owner, lease_epoch, lease_expires_at) VALUES"
        " ('o', 's', 1, 0, 'CREATE', 'RUNNING', '', '{}', '', '', '2099-01-01', '2020-01-01 00:00:00',"
        " (SELECT id FROM orchestration_engines), 3, '2099-01-01 00:00:00.000000')"
    )
    code, out, _ = cluster.status()
    assert code == 0 and "Operations on stacks: 0 waiting, 1 running" in out
    line = next(line for line in out.splitlines() if line.startswith("CREATE"))
    assert line.split()[1] == "s" and "3" in line.split()

    engine.send_signal(signal.SIGTERM)
    assert engine.wait(30) == 0
    cluster.until({api.pid: "up", engine.pid: "stopped"})
    os.kill(api.pid, signal.SIGKILL)
    api.wait()
    database.execute("UPDATE runtime_processes SET reported_at = '2026-01-01 00:00:00.000000'")
    database.execute("UPDATE orchestration_operations SET lease_expires_at = '2026-01-01 00:00:00.000000'")
    database.close()
    code, out, _ = cluster.status()
    assert code == 1
    assert "has not reported for" in out and "did not sign off" in out
    assert "! The lease of CREATE s has run out; nobody has taken it over yet." in out
    lines = [json.loads(line) for line in (cluster.folder / "b" / "log").read_text().splitlines()]
    assert lines[-1]["message"] == "stopped" and lines[-1]["services"] == "engine"


def test_who_was_killed_and_begun_again_is_no_trouble(tmp_path):
    """A supervisor begins again what dies; of two engines that died one that came back stands for one."""
    database = Database(f"sqlite:///{tmp_path}/samovar.db")
    upgrade(database)
    now = utcnow()

    def ran(connection, pid, began, reported, state="up"):
        values = {
            "id": str(pid),
            "host": "h",
            "pid": pid,
            "services": ["engine"],
            "version": "1",
            "state": state,
        }
        values |= {"places": {"metrics": f"h:{pid}"}, "interval": 5, "figures": {}}
        ago = lambda seconds: now - datetime.timedelta(seconds=seconds)  # noqa: E731
        connection.execute(
            insert(processes).values(started_at=ago(began), reported_at=ago(reported), **values)
        )

    def seen():
        found = database.look(look)
        gone = {one["pid"] for one in found["processes"] if one["state"] == "gone" and not one["replaced"]}
        return gone, len(troubles(found))

    database.look(lambda c: [ran(c, 1, 900, 600), ran(c, 2, 900, 590)])
    assert seen() == ({1, 2}, 2)
    database.look(lambda c: ran(c, 3, 500, 300))
    assert len(seen()[0]) == 2
    database.look(lambda c: ran(c, 4, 250, 1))
    assert seen()[1] == 1
    database.look(lambda c: ran(c, 5, 250, 1))
    assert seen() == (set(), 0)
    database.close_now()


def test_a_database_that_is_away_is_told_in_a_sentence(cluster, tmp_path):
    cluster.config = tmp_path / "x.conf"
    port = free_port()
    cluster.config.write_text(f"[database]\nconnection = postgresql+psycopg://u:CANARY@127.0.0.1:{port}/x\n")
    code, out, err = cluster.status()
    assert code == 1 and "the database does not answer" in err and "CANARY" not in out + err
    assert "Traceback" not in err
