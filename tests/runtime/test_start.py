# SPDX-License-Identifier: Apache-2.0
"""How a service begins when what it needs is not there: patiently, or with one sentence."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from clouds import ROOT, free_port


@contextlib.contextmanager
def served(folder, text, *words):
    """`samovar serve …` with this configuration; its lines go to the file that is given."""
    conf, heard = folder / "heat.conf", folder / "log"
    conf.write_text(text)
    command = [sys.executable, "-m", "samovar.cli.main", "serve", *words, "--config-file", str(conf)]
    with heard.open("wb") as log:
        process = subprocess.Popen(
            [*command, "--state-dir", str(folder / "state")],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield process, heard
    finally:
        process.kill()
        process.wait()


def until(heard, words, seconds=30):
    deadline = time.monotonic() + seconds
    while words not in heard.read_text():
        assert time.monotonic() < deadline, heard.read_text()
        time.sleep(0.05)


def test_a_database_that_is_not_up_yet_is_waited_for_and_sigterm_ends_that(tmp_path):
    text = f"[DEFAULT]\nsql_connection = postgresql://u@127.0.0.1:{free_port()}/d\n[samovar]\ndatabase_patience = 0\n"
    with served(tmp_path, text, "heat-engine") as (process, heard):
        until(heard, "waiting for the database")
        time.sleep(1.2)  # longer than its patience with one that refuses it
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert "Traceback" not in heard.read_text()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("10.0.0.1/heat", "[database] connection: the database's address is not understood"),
        ("mysql://h:p@10.0.0.1:abc/heat", "[database] connection: the database's address is not understood"),
        ("mysq://h@10.0.0.1/heat", "[database] connection: mysq is not a database that is served"),
    ],
)
def test_an_address_that_is_none_is_refused_in_a_sentence(address, said, tmp_path):
    with served(tmp_path, f"[DEFAULT]\nsql_connection = {address}\n", "heat-engine") as (process, heard):
        assert process.wait(30) == 1
    assert heard.read_text().startswith(f"samovar: {said}")


def test_a_keystone_that_is_not_up_yet_is_waited_for(tmp_path):
    text = f"[keystone_authtoken]\nauth_url = http://127.0.0.1:{free_port()}\nusername = heat\npassword = x\n"
    with served(tmp_path, text, "heat-engine") as (process, heard):
        until(heard, "waiting for Keystone")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert "Traceback" not in heard.read_text()
