# SPDX-License-Identifier: Apache-2.0
"""A steady mix of stack operations from one machine, and a balance sheet of what became of them.

Each stack has a random string and a secret of the key manager, which tells of duplicates: a secret
that was made twice is there twice. Half of the stacks are updated, a third is deleted. A request that
got no answer, or 503, is sent again, as a client's library would.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import threading
import time
import urllib.error
import urllib.request
from typing import Any

TEMPLATE = {
    "heat_template_version": "2021-04-16",
    "parameters": {"mark": {"type": "string"}},
    "resources": {
        "text": {"type": "OS::Heat::RandomString"},
        "pause": {"type": "OS::Heat::Delay", "properties": {"min_wait": 1}, "depends_on": "text"},
        "secret": {
            "type": "OS::Barbican::Secret",
            "depends_on": "pause",
            "properties": {
                "name": {"get_param": "mark"},
                "payload": {"get_attr": ["text", "value"]},
                "payload_content_type": "text/plain",
            },
        },
    },
}
FAILURES = (OSError, http.client.HTTPException)


class Clients:
    """Requests with a token, sent again while nobody answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token, self._catalog = "", {}
        self.trouble: list[tuple[float, float]] = []
        self.answers = 0

    def login(self) -> None:
        person = {
            "name": os.environ["OS_USERNAME"],
            "domain": {"id": "default"},
            "password": os.environ["OS_PASSWORD"],
        }
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": person}},
                "scope": {"project": {"name": os.environ["OS_PROJECT_NAME"], "domain": {"id": "default"}}},
            }
        }
        request = urllib.request.Request(
            os.environ["OS_AUTH_URL"] + "/auth/tokens",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            token = json.load(answer)["token"]
            self._token = answer.headers["X-Subject-Token"]
        for entry in token["catalog"]:
            (url,) = [one["url"] for one in entry["endpoints"] if one["interface"] == "public"]
            self._catalog[entry["type"]] = url

    def ask(
        self, service: str, method: str, path: str, body: Any = None, patience: float = 90
    ) -> tuple[int, Any]:
        """Status and body; a request nobody answers is sent again. `seen`: it may have been done already."""
        began, deadline = time.monotonic(), time.monotonic() + patience
        while True:
            headers = {
                "x-auth-token": self._token,
                "content-type": "application/json",
                "accept": "application/json",
            }
            data = None if body is None else json.dumps(body).encode()
            request = urllib.request.Request(self._catalog[service] + path, data, headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    text = answer.read()
                    self._note(began)
                    return answer.status, json.loads(text) if text[:1] in b"{[" and text else text.decode()
            except urllib.error.HTTPError as error:
                text = error.read()
                if error.code not in (502, 503, 504) or time.monotonic() > deadline:
                    self._note(began)
                    return error.code, text.decode()
            except FAILURES:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.3)

    def _note(self, began: float) -> None:
        with self._lock:
            self.answers += 1
            if time.monotonic() - began > 1.0:
                self.trouble.append((began, time.monotonic()))


class Stack:
    """One stack from its creation to its last operation."""

    def __init__(self, clients: Clients, name: str, number: int) -> None:
        self.clients, self.name, self.number = clients, name, number
        self.steps: list[dict[str, Any]] = []
        self.problem = ""
        self.deleted = False

    def run(self) -> None:
        try:
            body = {"stack_name": self.name, "template": TEMPLATE, "parameters": {"mark": self.name}}
            self._do("CREATE", "POST", "/stacks", body)
            if not self.problem and self.number % 2:
                self._do("UPDATE", "PUT", f"/stacks/{self.name}/{self.id}", {**body, "tags": "again"})
            if not self.problem and self.number % 3 == 0:
                self._do("DELETE", "DELETE", f"/stacks/{self.name}/{self.id}")
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"

    def _do(self, action: str, method: str, path: str, body: Any = None) -> None:
        began = time.monotonic()
        status, answer = self.clients.ask("orchestration", method, path, body)
        accepted = status in (200, 201, 202, 204)
        if action == "CREATE" and status == 409:
            accepted = True  # the first sending of it arrived, its answer did not
            _, answer = self.clients.ask("orchestration", "GET", f"/stacks/{self.name}")
        if action == "DELETE" and status == 404:
            accepted = True
        if action == "UPDATE" and status == 409:
            accepted = True
        if not accepted:
            self.problem = f"{action}: {status} {answer}"
            return
        if action == "CREATE":
            self.id = answer["stack"]["id"]
        took = self._wait(action)
        self.steps.append(
            {"action": action, "accepted": True, "seconds": time.monotonic() - began, "done": took}
        )

    def _wait(self, action: str) -> bool:
        deadline = time.monotonic() + 120
        state = ""
        while time.monotonic() < deadline:
            status, answer = self.clients.ask("orchestration", "GET", f"/stacks/{self.name}/{self.id}")
            if action == "DELETE" and (status == 404 or answer["stack"]["stack_status"] == "DELETE_COMPLETE"):
                self.deleted = True
                return True
            if status == 200:
                state = answer["stack"]["stack_status"]
                if state == f"{action}_COMPLETE":
                    return True
                if state.endswith("_FAILED"):
                    self.problem = f"{state}: {answer['stack']['stack_status_reason']}"
                    return False
            time.sleep(0.25)
        self.problem = f"{action} is still {state} after 120 s"
        return False


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=2.0, help="stacks begun each second")
    options = parser.parse_args()
    clients = Clients()
    clients.login()
    prefix, stacks, threads = f"mix-{os.getpid()}", [], []
    began = time.monotonic()
    number = 0
    while time.monotonic() - began < options.seconds:
        stack = Stack(clients, f"{prefix}-{number}", number)
        thread = threading.Thread(target=stack.run)
        thread.start()
        stacks.append(stack)
        threads.append(thread)
        number += 1
        time.sleep(max(0.0, began + number / options.rate - time.monotonic()))
    for thread in threads:
        thread.join()
    print(json.dumps(balance(clients, prefix, stacks)))


def balance(clients: Clients, prefix: str, stacks: list[Stack]) -> dict[str, Any]:
    """What was asked for and what there is."""
    names: list[str] = []
    offset = 0
    while True:
        _, page = clients.ask("key-manager", "GET", f"/v1/secrets?limit=100&offset={offset}")
        names += [one["name"] for one in page["secrets"] if (one["name"] or "").startswith(prefix)]
        offset += 100
        if offset >= page["total"]:
            break
    steps = [step for stack in stacks for step in stack.steps]
    wanted = [stack.name for stack in stacks if not stack.deleted]
    slow = sorted(step["seconds"] for step in steps)
    return {
        "requested": len(stacks),
        "operations": len(steps),
        "done": sum(step["done"] for step in steps),
        "problems": [f"{stack.name}: {stack.problem}" for stack in stacks if stack.problem],
        "lost": [name for name in wanted if name not in names],
        "duplicated": sorted({name for name in names if names.count(name) > 1}),
        "orphaned": sorted(set(names) - set(wanted)),
        "slowest": slow[-1] if slow else 0.0,
        "median": slow[len(slow) // 2] if slow else 0.0,
        "answers": clients.answers,
        "trouble": max((end - start for start, end in clients.trouble), default=0.0),
    }


if __name__ == "__main__":
    main()
