# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ of the tests' own: its ports, folders, node name and name server are nobody else's."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .program import Program, free_port

PROGRAMS = Path("/usr/lib/rabbitmq/bin")


class RabbitMQ(Program):
    """One node, started at once. `prefix` is put before its commands: it may be on another machine.

    `cluster`: the addresses of all nodes of a cluster, its own included, one node at each.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int | None = None,
        prefix: Sequence[str] = (),
        *,
        user: str = "samovar",
        password: str | None = None,
        cluster: Sequence[str] = (),
        durable: bool = False,
    ) -> None:
        super().__init__("rabbitmq", durable=durable)
        self.cluster = tuple(cluster)
        self.host, self.port, self.prefix = host, port or self.port, tuple(prefix)
        self.account, self.password = user, password or secrets.token_hex(8)
        # Members of a cluster ask for each other at one port; each is on a machine of its own then.
        self._names, self._distribution = (4369, 25672) if self.cluster else (free_port(), free_port())
        (self.directory / "logs").mkdir()
        (self.directory / "plugins").write_text("[].\n")
        (self.directory / "no-environment").touch()
        (self.directory / "rabbitmq.conf").write_text(
            f"default_user = {self.account}\ndefault_pass = {self.password}\nloopback_users = none\n"
            "disk_free_limit.absolute = 1MB\nvm_memory_high_watermark.absolute = 256MB\n"
            + "".join(self._clustering())
        )
        if self.cluster:
            cookie = self.directory / ".erlang.cookie"
            cookie.write_text(self.password)
            cookie.chmod(0o400)
        self.begin()

    def _clustering(self) -> list[str]:
        if not self.cluster:
            return []
        nodes = [
            f"cluster_formation.classic_config.nodes.{number} = rabbit@{host}\n"
            for number, host in enumerate(self.cluster, 1)
        ]
        return [
            "cluster_formation.peer_discovery_backend = classic_config\n",
            "cluster_partition_handling = pause_minority\n",
            *nodes,
        ]

    @property
    def node(self) -> str:
        """Its name among other nodes."""
        return f"rabbit@{self.host}" if self.cluster else f"sv{self._names}@localhost"

    @property
    def url(self) -> str:
        """What goes into transport_url."""
        return f"rabbit://{self.account}:{self.password}@{self.host}:{self.port}/"

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._names),
            "ERL_EPMD_ADDRESS": self.host if self.cluster else "127.0.0.1",
            "RABBITMQ_NODENAME": self.node,
            **({"RABBITMQ_USE_LONGNAME": "true"} if self.cluster else {}),
            "RABBITMQ_NODE_IP_ADDRESS": self.host,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_MNESIA_BASE": str(self.directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.directory / "logs"),
            "RABBITMQ_PID_FILE": str(self.directory / "pid"),
            "RABBITMQ_CONFIG_FILE": str(self.directory / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.directory / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(self.directory / "no-environment"),
            # Schedulers that sleep when there is nothing to do: the tests' machine is small.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
        }

    def begin(self) -> None:
        """Start it (again) on its files, and wait until it takes connections."""
        log = self.directory / "logs" / f"{self.node}.log"
        already = log.stat().st_size if log.exists() else 0

        def listens() -> None:
            if not log.exists() or b"started TCP listener" not in log.read_bytes()[already:]:
                raise ConnectionError("it does not listen yet")

        self.start(
            ["env", "-i", *(f"{name}={value}" for name, value in self._environment().items()),
             *self.prefix, "setsid", "--wait", str(PROGRAMS / "rabbitmq-server")],
            listens,
            seconds=120,
        )  # fmt: skip

    def queues(self) -> dict[str, dict[str, object]]:
        """The queues that there are, by name."""
        command = [str(PROGRAMS / "rabbitmqctl"), "--quiet", "list_queues", "name", "type", "durable"]
        done = subprocess.run(
            [*self.prefix, *command, "--formatter", "json"],
            env=self._environment(), capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return {row["name"]: row for row in json.loads(done.stdout)}

    def _pids(self) -> list[int]:
        """Every process of this node: they carry its place in their environment."""
        mark = f"RABBITMQ_MNESIA_BASE={self.directory}/".encode()
        names = f"HOME={self.directory}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                environment = (folder / "environ").read_bytes()
                if mark in environment or names in environment.split(b"\0"):
                    found.append(int(folder.name))
        return found

    def send(self, number: int) -> None:
        """Send a signal to all that is this node."""
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def end(self, number: int = signal.SIGKILL) -> None:
        """End it: with SIGTERM in order, with SIGKILL without a word."""
        if self._process is not None and self._process.poll() is None:
            if number == signal.SIGTERM:
                os.kill(int((self.directory / "pid").read_text()), signal.SIGTERM)
            else:
                self.send(number)
            self._process.wait(60)
        super().end(number)

    def stop(self) -> None:
        """End it and its name server, and remove its files."""
        self.end()
        self.send(signal.SIGKILL)
        super().stop()
