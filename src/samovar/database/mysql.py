# SPDX-License-Identifier: Apache-2.0
"""How our tables are made in MariaDB and MySQL, so that they hold and compare what the others do.

Text compares byte by byte and has no length limit of its own; names that differ in case or in
spaces at the end are different names. Migrations and tests make tables through the same compiler.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import LargeBinary, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable


@compiles(CreateTable, "mysql", "mariadb")
def create_table(element: CreateTable, compiler: Any, **options: Any) -> str:
    """CREATE TABLE with engine, character set and collation spelled out."""
    text = str(compiler.visit_create_table(element, **options)).rstrip()
    collation = "utf8mb4_nopad_bin" if compiler.dialect.is_mariadb else "utf8mb4_0900_bin"
    return f"{text} ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE={collation}\n\n"


@compiles(Text, "mysql", "mariadb")
def text(_element: Text, _compiler: Any, **_options: Any) -> str:
    """TEXT holds 64 kB there, bytes and not characters."""
    return "LONGTEXT"


@compiles(LargeBinary, "mysql", "mariadb")
def binary(element: LargeBinary, _compiler: Any, **_options: Any) -> str:
    """BLOB holds 64 kB."""
    return "LONGBLOB" if element.length is None else f"VARBINARY({element.length})"
