# SPDX-License-Identifier: Apache-2.0
"""Two MariaDB nodes as one Galera cluster of the tests' own."""

from __future__ import annotations

from pathlib import Path

from .mariadb import MariaDB
from .program import free_port

LIBRARY = Path("/usr/lib/galera/libgalera_smm.so")


class GaleraNode(MariaDB):
    """A node; `first`: the one that begins the cluster."""

    def __init__(self, first: GaleraNode | None = None) -> None:
        self._first = first
        self.group = free_port()
        self._transfer, self._copy = free_port(), free_port()
        self.cluster = first.cluster if first else f"cluster{self.group}"
        super().__init__("mysql")

    def prepare(self) -> None:
        """A node that joins is sent everything by the first one."""
        if self._first is not None:
            self.run("mkdir", str(self.directory / "data"))
        else:
            super().prepare()

    def options(self) -> dict[str, object]:
        others = f"127.0.0.1:{self._first.group}" if self._first else ""
        provider = (
            f"gmcast.listen_addr=tcp://127.0.0.1:{self.group};ist.recv_addr=127.0.0.1:{self._transfer};"
            "gcache.size=64M"
        )
        options = super().options()
        if self._first is not None:
            options.pop("init-file")  # it joins a cluster that has the account
        return {
            **options,
            "wsrep-on": "ON",
            "wsrep-provider": LIBRARY,
            "wsrep-cluster-address": f"gcomm://{others}",
            "wsrep-cluster-name": self.cluster,
            "wsrep-node-address": "127.0.0.1",
            "wsrep-sst-method": "rsync",
            "wsrep-sst-receive-address": f"127.0.0.1:{self._copy}",
            "wsrep-provider-options": provider,
            "binlog-format": "ROW",
            "innodb-autoinc-lock-mode": 2,
            **({} if self._first else {"wsrep-new-cluster": "1"}),
        }
