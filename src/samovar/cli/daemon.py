# SPDX-License-Identifier: Apache-2.0
"""The cloud in the background: start it, wait until it is ready, stop it."""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import samovar
from samovar.cloud.host import HostError, launch
from samovar.cloud.host.needs import check_privileges

from .main import CommandError
from .state_directory import Running, StateDirectory, start_time

START_SECONDS = 60.0
STOP_SECONDS = 30.0


def ensure(state: StateDirectory, options: argparse.Namespace) -> tuple[Running, bool]:
    """The running cloud of this directory, started if need be; and whether it was started now.

    Raises CommandError with the last lines of the log when it does not come up.
    """
    if not (state.exists() and state.running()):
        _check_privileges()
    state.make()
    with state.lock():
        running = state.running()
        if running is not None:
            _revive_agent(state)
            wait_ready(state, running)
            asked = options.port
            if asked and urlsplit(running.origin).port != asked:
                raise CommandError(
                    f"the cloud already runs at {running.origin}; to move it to port {asked}, "
                    "stop it first with 'samovar down'"
                )
            return running, False
        return _start(state, options), True


def _revive_agent(state: StateDirectory) -> None:
    """The program has given up the rights to start the host agent again; this command has them."""
    try:
        asyncio.run(launch(state.path, state.agent_socket))
    except HostError as error:
        raise CommandError(error.message) from error


def _check_privileges() -> None:
    need = check_privileges()
    if not need.met:
        raise CommandError(
            "making networks and servers needs rights that this process has not got "
            f"({need.found}). {need.fix}\n"
            "'samovar doctor' tells what else this machine needs; 'samovar validate' needs no rights."
        )


def _start(state: StateDirectory, options: argparse.Namespace) -> Running:
    command = [sys.executable, "-m", "samovar.cli.main", "serve", "all", "--state-dir", str(state.path)]
    if options.port:
        command += ["--port", str(options.port)]
    if options.external_cidr:
        command += ["--external-cidr", options.external_cidr]
    for file in options.config_file:
        command += ["--config-file", str(file.absolute())]
    state.log.parent.mkdir(parents=True, exist_ok=True)
    offset = state.log.stat().st_size if state.log.exists() else 0
    with state.log.open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(Path(samovar.__file__).parent.parent)},
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        running = state.running()
        if running is not None and running.pid == process.pid and answers(running.origin, "/readyz"):
            process.returncode = 0  # it goes on without us: no warning that it was not waited for
            return running
        if process.poll() is not None:
            raise CommandError("the cloud did not start:\n" + _since(state.log, offset))
        time.sleep(0.02)
    raise CommandError(f"the cloud is not ready after {START_SECONDS:g} s:\n" + _since(state.log, offset))


def wait_ready(state: StateDirectory, running: Running) -> None:
    """Wait until the cloud answers. Raises CommandError."""
    deadline = time.monotonic() + START_SECONDS
    while not answers(running.origin, "/readyz"):
        if state.running() is None or time.monotonic() > deadline:
            raise CommandError(
                f"the cloud (process {running.pid}) does not answer at {running.origin}; see 'samovar logs'"
            )
        time.sleep(0.05)


def stop(running: Running) -> None:
    """Ask the process to end, and make it when it does not within half a minute."""
    for number, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        try:
            os.kill(running.pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if start_time(running.pid) != running.started:
                return
            time.sleep(0.02)
    raise CommandError(f"the cloud (process {running.pid}) does not end")


def answers(origin: str, path: str) -> bool:
    """Whether a GET is answered with 200."""
    parts = urlsplit(origin)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _since(log: Path, offset: int) -> str:
    try:
        with log.open("rb") as file:
            file.seek(offset)
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    return "\n".join(lines[-15:]) or f"it logged nothing; its log is {log}"
