# SPDX-License-Identifier: Apache-2.0
"""What an amphora is told at birth (agent.json), and the files it keeps."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Settings", "load", "save", "write"]


@dataclass(frozen=True)
class Settings:
    """`heartbeat_key` is this amphora's own (hexadecimal); `controllers` are ``address:port`` of health
    managers, taken in turn."""

    amphora_id: str
    heartbeat_key: str = dataclasses.field(repr=False)
    controllers: tuple[str, ...] = ()
    heartbeat_interval: float = 1.0
    bind: str = "0.0.0.0"
    port: int = 9443
    management_interface: str = ""
    directory: str = "/var/lib/samovar-amphora"
    server_pem: str = "/etc/samovar-amphora/server.pem"
    client_ca: str = "/etc/samovar-amphora/client-ca.pem"
    haproxy: str = "haproxy"
    keepalived: str = "keepalived"

    @property
    def home(self) -> Path:
        return Path(self.directory)


def load(path: Path) -> Settings:
    """Read agent.json; unknown keys are of a newer controller and left alone."""
    given = json.loads(path.read_text())
    names = {field.name for field in dataclasses.fields(Settings)}
    known = {key: value for key, value in given.items() if key in names}
    known["controllers"] = tuple(known.get("controllers", ()))
    return Settings(**known)


def save(path: Path, settings: Settings) -> None:
    write(path, json.dumps(dataclasses.asdict(settings)))


def write(path: Path, content: str, mode: int = 0o600) -> None:
    """Put `content` at `path` whole or not at all, never readable by others meanwhile."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
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
