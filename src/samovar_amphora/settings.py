# SPDX-License-Identifier: Apache-2.0
"""What an amphora is told at birth (agent.json), and the files it keeps."""

from __future__ import annotations

import json

from .files import read, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Settings", "load", "save"]


class Settings:
    """`heartbeat_key` is this amphora's own (hexadecimal); `controllers` are ``address:port`` of health
    managers, taken in turn; `known_lacks`: what hosts lack, as amphorae there found out. Unknown keys are of
    a newer controller and kept as they are."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.amphora_id = str(given["amphora_id"])
        self.heartbeat_key = str(given["heartbeat_key"])
        self.controllers = tuple(str(one) for one in given.get("controllers", ()))
        self.heartbeat_interval = float(given.get("heartbeat_interval", 1.0))
        self.known_lacks = dict(given.get("known_lacks", {}))
        self.bind = str(given.get("bind", "0.0.0.0"))
        self.port = int(given.get("port", 9443))
        self.management_interface = str(given.get("management_interface", ""))
        self.home = str(given.get("directory", "/var/lib/samovar-amphora"))
        self.server_pem = str(given.get("server_pem", "/etc/samovar-amphora/server.pem"))
        self.client_ca = str(given.get("client_ca", "/etc/samovar-amphora/client-ca.pem"))
        self.haproxy = str(given.get("haproxy", "haproxy"))
        self.keepalived = str(given.get("keepalived", "keepalived"))
        self.nft = str(given.get("nft", "nft"))

    def changed(self, **values: Any) -> Settings:
        return Settings({**self.given, **values})


def load(path: str) -> Settings:
    """Read agent.json."""
    return Settings(json.loads(read(path)))


def save(path: str, settings: Settings) -> None:
    write(path, json.dumps(settings.given))
