# SPDX-License-Identifier: Apache-2.0
"""OpenStack's own Keystone: Fernet tokens, an SQLite database, nothing of it ours.

It is not among what the tests install: SAMOVAR_KEYSTONE names the virtual environment that has it
(``python -m venv DIR; DIR/bin/pip install keystone``); where it is not there, tests of it are skipped.
"""

from __future__ import annotations

import http.client
import json
import os
from pathlib import Path
from typing import Any

import pytest

from .program import Program, accepts

PASSWORD = "a password of the tests"
SERVE = """\
import socketserver, sys, wsgiref.simple_server
port = int(sys.argv.pop())
from keystone.server.wsgi import initialize_public_application
class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True
    request_queue_size = 128
class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *words): pass
application = initialize_public_application()
wsgiref.simple_server.make_server("127.0.0.1", port, application, Server, Quiet).serve_forever()
"""
CONF = """\
[DEFAULT]
use_stderr = true
[database]
connection = sqlite:///{folder}/keystone.db
[token]
provider = fernet
[fernet_tokens]
key_repository = {folder}/fernet
"""


class Keystone(Program):
    """Started at once, with an administrator `admin`; `ask` is the administrator's request."""

    def __init__(self) -> None:
        home = Path(os.environ.get("SAMOVAR_KEYSTONE") or "/nowhere")
        if not (home / "bin" / "keystone-manage").exists():
            pytest.skip(
                "OpenStack's Keystone is not installed; SAMOVAR_KEYSTONE names its virtual environment"
            )
        super().__init__("keystone")
        conf = self.directory / "keystone.conf"
        conf.write_text(CONF.format(folder=self.directory))
        self.url = f"http://127.0.0.1:{self.port}"
        manage = (str(home / "bin" / "keystone-manage"), "--config-file", str(conf))
        user = ("--keystone-user", "root", "--keystone-group", "root")
        self.run(*manage, "fernet_setup", *user)
        self.run(*manage, "db_sync")
        self.run(
            *manage, "bootstrap", "--bootstrap-password", PASSWORD, "--bootstrap-region-id", "RegionOne",
            "--bootstrap-public-url", f"{self.url}/v3", "--bootstrap-internal-url", f"{self.url}/v3",
        )  # fmt: skip
        os.environ["OS_KEYSTONE_CONFIG_FILES"] = str(conf)
        self.start(
            [str(home / "bin" / "python"), "-c", SERVE, str(self.port)],
            lambda: accepts(self.port),
            seconds=120,
        )
        self.token = self.login("admin", PASSWORD, "admin")[0]

    def login(self, user: str, password: str, project: str) -> tuple[str, str]:
        """A token of a user of the default domain, and the id of the project that it is for."""
        domain = {"id": "default"}
        who = {
            "methods": ["password"],
            "password": {"user": {"name": user, "password": password, "domain": domain}},
        }
        body = {"auth": {"identity": who, "scope": {"project": {"name": project, "domain": domain}}}}
        status, headers, answer = self._send("POST", "/v3/auth/tokens", body, "")
        assert status == 201, answer
        return headers["X-Subject-Token"], answer["token"]["project"]["id"]

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """The answer to a request."""
        status, _, answer = self._send(method, f"/v3{path}", body, token or self.token)
        assert status < 300, (method, path, status, answer)
        return answer

    def make(self, kind: str, **values: Any) -> str:
        """The id of a new object: ``make("user", name=…)``."""
        made: str = self.ask("POST", f"/{kind}s", {kind: values})[kind]["id"]
        return made

    def grant(self, role: str, user: str, where: str) -> None:
        """Give a user a role: ``grant("member", user_id, "projects/ID")``."""
        (found,) = self.ask("GET", f"/roles?name={role}")["roles"]
        self.ask("PUT", f"/{where}/users/{user}/roles/{found['id']}")

    def register(self, kind: str, url: str) -> None:
        """Put a service into the catalog."""
        service = self.make("service", name=kind, type=kind)
        for interface in ("public", "internal"):
            self.make("endpoint", service_id=service, interface=interface, url=url, region_id="RegionOne")

    def _send(self, method: str, path: str, body: Any, token: str) -> tuple[int, Any, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {"content-type": "application/json", **({"x-auth-token": token} if token else {})}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, answer.headers, json.loads(text) if text else None
        finally:
            connection.close()
