# SPDX-License-Identifier: Apache-2.0
"""What an amphora is told at birth (agent.json), and the files it keeps."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

__all__ = ["Settings", "load", "save", "write"]


class Settings:
    """`heartbeat_key` is this amphora's own (hexadecimal); `controllers` are ``address:port`` of health
    managers, taken in turn. Unknown keys are of a newer controller and kept as they are."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.amphora_id = str(given["amphora_id"])
        self.heartbeat_key = str(given["heartbeat_key"])
        self.controllers = tuple(str(one) for one in given.get("controllers", ()))
        self.heartbeat_interval = float(given.get("heartbeat_interval", 1.0))
        self.bind = str(given.get("bind", "0.0.0.0"))
        self.port = int(given.get("port", 9443))
        self.management_interface = str(given.get("management_interface", ""))
        self.home = Path(given.get("directory", "/var/lib/samovar-amphora"))
        self.server_pem = str(given.get("server_pem", "/etc/samovar-amphora/server.pem"))
        self.client_ca = str(given.get("client_ca", "/etc/samovar-amphora/client-ca.pem"))
        self.haproxy = str(given.get("haproxy", "haproxy"))
        self.keepalived = str(given.get("keepalived", "keepalived"))
        self.nft = str(given.get("nft", "nft"))

    def changed(self, **values: Any) -> Settings:
        return Settings({**self.given, **values})


def load(path: Path) -> Settings:
    """Read agent.json."""
    return Settings(json.loads(path.read_text()))


def save(path: Path, settings: Settings) -> None:
    write(path, json.dumps(settings.given))


def write(path: Path, content: str, mode: int = 0o600) -> None:
    """Put `content` at `path` whole or not at all, never readable by others meanwhile."""
    temporary = f"{path.parent}/.{path.name}.{os.getpid()}.{os.urandom(4).hex()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.fchmod(descriptor, mode)
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
