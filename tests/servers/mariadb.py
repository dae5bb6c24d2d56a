# SPDX-License-Identifier: Apache-2.0
"""A MariaDB server of the tests' own."""

from __future__ import annotations

import getpass

import pymysql

from .program import Program, found

ACCOUNT = "CREATE USER IF NOT EXISTS samovar@'%' IDENTIFIED BY 'secret'; GRANT ALL ON *.* TO samovar@'%';\n"


class MariaDB(Program):
    """Started at once; `new()` makes a database and gives its address. `durable`: a commit waits for the disk."""

    kind = "mariadb"

    def __init__(self, *, durable: bool = False) -> None:
        super().__init__("mariadb", durable=durable)
        self._made, self._durable = 0, durable
        self.run(
            found("mariadb-install-db"), "--no-defaults", f"--datadir={self.directory / 'data'}",
            "--auth-root-authentication-method=normal", "--skip-test-db", f"--user={getpass.getuser()}",
            "--innodb-log-file-size=16M",
        )  # fmt: skip
        (self.directory / "account.sql").write_text(ACCOUNT.replace("; ", ";\n"))
        self.begin()

    def begin(self) -> None:
        """Start it (again) on its files."""
        options = {
            "datadir": self.directory / "data",
            "init-file": self.directory / "account.sql",
            "socket": self.directory / "socket",
            "pid-file": self.directory / "pid",
            "port": self.port,
            "bind-address": "127.0.0.1",
            "user": getpass.getuser(),
            "innodb-flush-log-at-trx-commit": 1 if self._durable else 2,
            "innodb-doublewrite": int(self._durable),
            "debug-no-sync": int(not self._durable),
            "innodb-log-file-size": "16M",
            "innodb-buffer-pool-size": "64M",
            "max-connections": 300,
            "table-definition-cache": 2000,
        }
        settings = [f"--{name}={value}" for name, value in options.items()]
        self.start(
            [found("mariadbd"), "--no-defaults", *settings, "--skip-name-resolve", "--skip-log-bin"],
            lambda: self.execute("SELECT 1"),
        )

    def execute(self, statement: str) -> None:
        """Run a statement as the account that owns everything."""
        connection = pymysql.connect(
            host="127.0.0.1", port=self.port, user="samovar", password="secret", autocommit=True
        )
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def new(self) -> str:
        """The address of a new, empty database."""
        self._made += 1
        self.execute(f"CREATE DATABASE samovar{self._made}")
        return f"mysql+pymysql://samovar:secret@127.0.0.1:{self.port}/samovar{self._made}"
