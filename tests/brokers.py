# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ of the tests' own: its ports, folders, node name and name server are nobody else's."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = Path("/usr/lib/rabbitmq/bin")
START_SECONDS = 90


@dataclass
class Rabbit:
    """One node. `prefix` is put before its command, for one that runs in a network namespace."""

    folder: Path
    port: int
    distribution: int
    epmd: int
    host: str = "127.0.0.1"
    prefix: Sequence[str] = ()
    password: str = field(default_factory=lambda: secrets.token_hex(8))
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What goes into transport_url."""
        return f"rabbit://samovar:{self.password}@{self.host}:{self.port}/"

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"sv{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": self.host,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.distribution),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "no-env"),
            # Schedulers that sleep when there is nothing to do: the tests' machine is small.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
        }

    def control(self, *arguments: str) -> str:
        """rabbitmqctl on this node."""
        command = [*self.prefix, str(PROGRAMS / "rabbitmqctl"), "--quiet", *arguments]
        done = subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        (self.folder / "log").mkdir(parents=True, exist_ok=True)
        (self.folder / "plugins").write_text("[].\n")
        (self.folder / "no-env").touch()
        (self.folder / "rabbitmq.conf").write_text(
            f"default_user = samovar\ndefault_pass = {self.password}\n"
            "disk_free_limit.absolute = 1MB\nloopback_users = none\nvm_memory_high_watermark.absolute = 256MB\n"
        )
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [*self.prefix, str(PROGRAMS / "rabbitmq-server")],
                env=self._environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        log = self.folder / "log" / f"sv{self.port}@localhost.log"
        already = log.stat().st_size if log.exists() else 0
        while True:
            if log.exists() and b"started TCP listener" in log.read_bytes()[already:]:
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                output_text = (self.folder / "output").read_text()[-4000:]
                self.stop()
                raise RuntimeError(f"RabbitMQ did not start:\n{output_text}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it without a word, the runtime's own children too."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def freeze(self, frozen: bool) -> None:
        """Let it hold its connections and answer nothing, or let it go on."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP if frozen else signal.SIGCONT)

    def stop(self) -> None:
        """End it, and its name server."""
        self.kill()
        place = str(self.epmd).encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if b"epmd" in (folder / "cmdline").read_bytes() and (
                    b"ERL_EPMD_PORT=" + place in (folder / "environ").read_bytes().split(b"\0")
                ):
                    os.kill(int(folder.name), signal.SIGKILL)
        shutil.rmtree(self.folder / "mnesia", ignore_errors=True)


@contextlib.contextmanager
def rabbit(folder: Path, ports: tuple[int, int, int], **more: object) -> Iterator[Rabbit]:
    """A running broker that is gone afterwards."""
    node = Rabbit(folder, *ports, **more)  # type: ignore[arg-type]
    try:
        node.start()
        yield node
    finally:
        node.stop()
