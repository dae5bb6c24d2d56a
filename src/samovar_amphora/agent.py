# SPDX-License-Identifier: Apache-2.0
"""The agent: its parts put together, and what each route does with them."""

from __future__ import annotations

import os
import resource
import socket
import ssl
import threading

from . import VERSION
from .api import Server, tls_context
from .counters import Counters
from .datagrams import Datagrams
from .files import remove, write
from .haproxy import Haproxy
from .heartbeat import Heartbeat, next_epoch
from .keepalived import Keepalived
from .log import log
from .metrics import Metrics
from .network import Network
from .runtime import RuntimeFailure, ask, information
from .settings import Settings, load, save

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Agent"]


class Agent:
    """Everything inside one amphora, from the `path` of its agent.json."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.settings = load(path)
        home = self.settings.home
        os.makedirs(home, exist_ok=True)
        self.haproxy = Haproxy(home, self.settings.haproxy)
        self.keepalived = Keepalived(home, self.settings.keepalived)
        self.network = Network(home)
        self.datagrams = Datagrams(home, self.settings.nft, self.settings.known_lacks)
        self.metrics = Metrics(home, self.datagrams)
        self.counters = Counters(home, self.haproxy.socket)
        self.haproxy.before_replacing.append(self.counters.settle)
        self.epoch = next_epoch(home)
        self.heartbeat = Heartbeat(
            self._settings, self.epoch, self.haproxy, self.keepalived, self.counters, self.datagrams
        )
        self.problem = ""
        self._changing = threading.Lock()
        self.server = Server(
            self.settings.bind,
            self.settings.port,
            tls_context(self.settings.server_pem, self.settings.client_ca),
            {
                ("GET", ""): self.index,
                ("GET", "1/status"): self.status,
                ("GET", "1/configuration"): self.configuration,
                ("PUT", "1/configuration"): self.configure,
                ("PUT", "1/certificates/*"): self.put_certificate,
                ("PUT", "1/datagrams"): self.pass_on,
                ("PUT", "1/network"): self.plug,
                ("PUT", "1/keepalived"): self.put_keepalived,
                ("PUT", "1/agent"): self.put_agent,
                ("PUT", "1/agent/certificate"): self.put_agent_certificate,
                ("PUT", "1/agent/authority"): self.put_agent_authority,
                ("POST", "1/runtime"): self.runtime,
                ("GET", "1/statistics"): self.statistics,
            },
        )

    def _settings(self) -> Settings:
        return self.settings

    def begin(self) -> None:
        """Bring back what was configured before; what fails is told in the status."""
        for part in (self.network, self.haproxy, self.datagrams, self.keepalived, self.metrics):
            try:
                part.begin()
            except Exception as error:
                self.problem = str(error)
                log.warning("at the start: %s", error)
        self.heartbeat.begin()

    def serve(self) -> None:
        self.server.serve_forever()

    def end(self) -> None:
        self.heartbeat.end()
        self.keepalived.end()
        self.haproxy.end()
        self.datagrams.end()
        self.server.shutdown()

    def index(self, body: dict[str, Any], rest: str) -> Any:
        return {"name": "samovar-amphora", "version": VERSION, "versions": ["1"]}

    def status(self, body: dict[str, Any], rest: str) -> Any:
        try:
            about = information(self.haproxy.socket) if self.haproxy.wanted else {}
        except RuntimeFailure as error:
            about, self.problem = {}, str(error)
        return {
            "amphora_id": self.settings.amphora_id,
            "version": VERSION,
            "hostname": socket.gethostname(),
            "epoch": self.epoch,
            "problem": self.problem,
            "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
            "configuration": self.haproxy.digest(),
            "text": self.haproxy.text(),
            "certificates": self.haproxy.held(),
            "datagrams": self.datagrams.digest,
            "lacks": self.datagrams.lacks(),
            "host": self.datagrams.host,
            "haproxy": {
                "pid": self.haproxy.pid,
                "version": about.get("Version", ""),
                "uptime": about.get("Uptime_sec", ""),
                "reloads": self.haproxy.reloads,
                "restarts": self.haproxy.restarts,
            },
            "vrrp": self.keepalived.state(),
        }

    def configuration(self, body: dict[str, Any], rest: str) -> Any:
        return {"text": self.haproxy.text(), "digest": self.haproxy.digest()}

    def configure(self, body: dict[str, Any], rest: str) -> Any:
        with self._changing:
            how = self.haproxy.configure(
                str(body["text"]),
                {str(name): str(content) for name, content in body.get("files", {}).items()},
                [str(name) for name in body.get("keep", ())],
                str(body.get("base", "")),
                [str(command) for command in body.get("commands", ())],
                [str(command) for command in body.get("optional", ())],
            )
            self.problem = ""
        self.heartbeat.hurry()
        return {"how": how, "digest": self.haproxy.digest()}

    def pass_on(self, body: dict[str, Any], rest: str) -> Any:
        with self._changing:
            self.datagrams.configure(body)
        self.heartbeat.hurry()
        return {"digest": self.datagrams.digest}

    def put_certificate(self, body: dict[str, Any], rest: str) -> Any:
        with self._changing:
            return {"how": self.haproxy.put_certificate(rest, str(body["pem"]))}

    def plug(self, body: dict[str, Any], rest: str) -> Any:
        with self._changing:
            return {"interfaces": self.network.plug(body)}

    def put_keepalived(self, body: dict[str, Any], rest: str) -> Any:
        with self._changing:
            return {"changed": self.keepalived.configure(str(body["text"]))}

    def put_agent(self, body: dict[str, Any], rest: str) -> Any:
        with self._changing:
            controllers = [str(each) for each in body.get("controllers", self.settings.controllers)]
            interval = float(body.get("heartbeat_interval", self.settings.heartbeat_interval))
            changed = self.settings.changed(controllers=controllers, heartbeat_interval=interval)
            save(self.path, changed)
            self.settings = changed
        self.heartbeat.hurry()
        return {}

    def put_agent_certificate(self, body: dict[str, Any], rest: str) -> Any:
        """New connections see the new certificate; open ones go on."""
        return self._exchange(self.settings.server_pem, str(body["pem"]), "certificate with its key")

    def put_agent_authority(self, body: dict[str, Any], rest: str) -> Any:
        """New connections are let in by the new authority (or several); open ones go on."""
        return self._exchange(self.settings.client_ca, str(body["pem"]), "certificate of an authority")

    def _exchange(self, target: str, pem: str, what: str) -> Any:
        with self._changing:
            files = [self.settings.server_pem, self.settings.client_ca]
            candidate = f"{os.path.dirname(target)}/candidate.pem"
            write(candidate, pem)
            try:
                context = tls_context(*(candidate if one == target else one for one in files))
            except (ssl.SSLError, OSError, ValueError) as error:
                remove(candidate)
                raise ValueError(f"this is no {what} ({type(error).__name__})") from None
            os.rename(candidate, target)
            self.server.context = context
        return {}

    def runtime(self, body: dict[str, Any], rest: str) -> Any:
        return {"answers": [ask(self.haproxy.socket, str(command)) for command in body["commands"]]}

    def statistics(self, body: dict[str, Any], rest: str) -> Any:
        report, totals = self.counters.read()
        told, pools = self.datagrams.report()
        listeners = {**report.listeners, **{name: one["status"] for name, one in told.items()}}
        numbers = {**totals, **{name: one["stats"] for name, one in told.items()}}
        return {
            "listeners": listeners,
            "pools": {**report.pools, **pools},
            "statistics": numbers,
            "leaving": self.haproxy.leaving,
        }
