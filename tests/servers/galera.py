# SPDX-License-Identifier: Apache-2.0
"""A Galera cluster of the tests' own: nodes on loopback addresses that share one port."""

from __future__ import annotations

import contextlib
import getpass
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any

import pymysql

from .mariadb import ACCOUNT
from .program import Program, found, free_port

PROVIDER = "/usr/lib/galera/libgalera_smm.so"


class GaleraNode(Program):
    """One node at `address`:`port`; the first one makes the cluster, others join it.

    `prefix` is put before its command: it may be on another machine; `inside` then gives what a
    function returns on that machine.
    """

    def __init__(
        self,
        address: str,
        port: int,
        others: list[GaleraNode],
        *,
        prefix: Sequence[str] = (),
        inside: Callable[[Callable[[], Any]], Any] = lambda what: what(),
    ) -> None:
        super().__init__("mariadb", "nobody")  # rsync, which copies a node's files, will not work as root
        self._prefix, self._inside = tuple(prefix), inside
        self.owner = self.user or getpass.getuser()
        self.address, self.port, self.group_port = address, port, free_port()
        self.run(
            found("mariadb-install-db"), "--no-defaults", f"--datadir={self.directory / 'data'}",
            "--auth-root-authentication-method=normal", "--skip-test-db", f"--user={self.owner}",
            "--innodb-log-file-size=16M",
        )  # fmt: skip
        (self.directory / "account.sql").write_text(ACCOUNT.replace("; ", ";\n"))
        self.begin(others)

    def begin(self, others: list[GaleraNode]) -> None:
        """Start it (again): with others, or as the first of a new cluster."""
        members = ",".join(f"{one.address}:{one.group_port}" for one in others)
        own = f"{self.address}:{self.group_port}"
        provider = (
            f"gmcast.listen_addr=tcp://{own};ist.recv_addr={self.address}:{free_port()};gcache.size=16M"
        )
        options = {
            "datadir": self.directory / "data",
            "init-file": self.directory / "account.sql",
            "socket": self.directory / "socket",
            "pid-file": self.directory / "pid",
            "port": self.port,
            "bind-address": self.address,
            "user": self.owner,
            "innodb-flush-log-at-trx-commit": 2,
            "innodb-doublewrite": 0,
            "debug-no-sync": 1,
            "innodb-log-file-size": "16M",
            "innodb-buffer-pool-size": "32M",
            "max-connections": 400,
            "innodb-autoinc-lock-mode": 2,
            "binlog-format": "ROW",
            "wsrep-on": "ON",
            "wsrep-provider": PROVIDER,
            "wsrep-provider-options": provider,
            "wsrep-cluster-address": f"gcomm://{members}",
            "wsrep-node-address": own,
            "wsrep-sst-method": "rsync",
            "wsrep-sst-receive-address": f"{self.address}:{free_port()}",
        }
        settings = [f"--{name}={value}" for name, value in options.items()]
        begin = [*self._prefix, found("mariadbd"), "--no-defaults", *settings, "--skip-name-resolve"]
        self.start(begin, self.synced, as_root=bool(self._prefix))

    @property
    def url(self) -> str:
        return f"mysql+pymysql://samovar:secret@{self.address}:{self.port}/"

    def position(self) -> int:
        """How many changes of the cluster its files hold, once it has ended: the first to begin has most."""
        options = {
            "datadir": self.directory / "data",
            "socket": self.directory / "socket",
            "user": self.owner,
            "innodb-log-file-size": "16M",
            "binlog-format": "ROW",
            "wsrep-on": "ON",
            "wsrep-provider": PROVIDER,
            "wsrep-cluster-address": "gcomm://",
        }
        settings = [f"--{name}={value}" for name, value in options.items()]
        command = [*self._prefix, found("mariadbd"), "--no-defaults", *settings, "--skip-networking"]
        done = subprocess.run(
            [*command, "--wsrep-recover"], capture_output=True, text=True, check=False, timeout=60
        )
        found_position = re.search(r"Recovered position:? *[0-9a-f-]+:(-?\d+)", done.stdout + done.stderr)
        assert found_position, done.stderr[-2000:]
        return int(found_position[1])

    def synced(self) -> None:
        """Raise unless it is a full member."""
        assert self.ask("SHOW STATUS LIKE 'wsrep_local_state'")[0][1] == "4"

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = self._inside(lambda: ask(self.address, self.port, statement))
        return rows

    def ask_heat(self, statement: str) -> list[tuple[object, ...]]:
        """The same of the database heat."""
        what = lambda: ask(self.address, self.port, statement, "heat")  # noqa: E731
        rows: list[tuple[object, ...]] = self._inside(what)
        return rows


def ask(address: str, port: int, statement: str, database: str | None = None) -> list[tuple[object, ...]]:
    """The rows that a statement gives."""
    connection = pymysql.connect(
        host=address,
        port=port,
        user="samovar",
        password="secret",
        database=database,
        autocommit=True,
        connect_timeout=2,
        read_timeout=5,
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def until(what: object, seconds: float = 20) -> None:
    """Wait until a function returns something true without an error."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if what():  # type: ignore[operator]
                return
            error: Exception | None = None
        except (OSError, pymysql.Error) as failed:
            error = failed
        assert time.monotonic() < deadline, f"it did not become true: {error}"
        time.sleep(0.1)
