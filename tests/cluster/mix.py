# SPDX-License-Identifier: Apache-2.0
"""A steady mix of operations on stacks and load balancers from one machine, and a balance sheet of what
became of them.

Each stack has a random string and a secret of the key manager, which tells of duplicates: a secret
that was made twice is there twice. Half of the stacks are updated, a third is deleted; in the end all are.
A request that got no answer, or 503, is sent again, as a client's library would.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from asking import Clients, Reads
from balancers import Balancer, Ground

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
PATIENCE = 180.0
CENSUS_PATIENCE = 600.0


class Stack:
    """One stack from its creation to its last operation."""

    def __init__(self, clients: Clients, name: str, number: int) -> None:
        self.clients, self.name, self.number = clients, name, number
        self.steps: list[dict[str, Any]] = []
        self.problem = ""
        self.id = ""
        self.deleted = False

    def run(self) -> None:
        try:
            body = {"stack_name": self.name, "template": TEMPLATE, "parameters": {"mark": self.name}}
            self._do("CREATE", "POST", "/stacks", body)
            if not self.problem and self.number % 2:
                self._do("UPDATE", "PUT", f"/stacks/{self.name}/{self.id}", {**body, "tags": "again"})
            if not self.problem and self.number % 3 == 0:
                self.delete()
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"

    def delete(self) -> None:
        """The last operation."""
        if self.id and not self.deleted:
            self._do("DELETE", "DELETE", f"/stacks/{self.name}/{self.id}")

    def _do(self, action: str, method: str, path: str, body: Any = None) -> None:
        began = time.monotonic()
        status, answer = self.clients.ask("orchestration", method, path, body)
        accepted = status in (200, 201, 202, 204)
        if action == "CREATE" and status == 409:
            accepted = True  # the first sending of it arrived, its answer did not
            _, answer = self.clients.ask("orchestration", "GET", f"/stacks/{self.name}")
        if (action, status) in (("DELETE", 404), ("UPDATE", 409)):
            accepted = True
        if not accepted:
            self.problem = f"{action}: {status} {answer}"
            return
        if action == "CREATE":
            self.id = answer["stack"]["id"]
        done = self._wait(action)
        self.steps.append({"action": action, "seconds": time.monotonic() - began, "done": done})

    def _wait(self, action: str) -> bool:
        deadline = time.monotonic() + PATIENCE
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
        self.problem = f"{action} is still {state} after {PATIENCE:.0f} s"
        return False


class Steady:
    """Begins one life after the other at a steady rate for so many seconds."""

    def __init__(self, seconds: float, rate: float, born: Callable[[int], Stack | Balancer]) -> None:
        self.lives: list[Stack | Balancer] = []
        self._threads: list[threading.Thread] = []
        self._pacer = threading.Thread(target=self._pace, args=(seconds, rate, born))
        self._pacer.start()

    def _pace(self, seconds: float, rate: float, born: Callable[[int], Stack | Balancer]) -> None:
        began = time.monotonic()
        while rate and time.monotonic() - began < seconds:
            life = born(len(self.lives))
            self.lives.append(life)
            self._threads.append(threading.Thread(target=life.run))
            self._threads[-1].start()
            time.sleep(max(0.0, began + len(self.lives) / rate - time.monotonic()))

    def join(self) -> None:
        """Until all have come to their ends."""
        self._pacer.join()
        for thread in self._threads:
            thread.join()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=2.0, help="stacks begun each second")
    parser.add_argument("--balancers", type=float, default=0.0, help="load balancers begun each second")
    parser.add_argument("--reads", type=float, default=0.0, help="reads sent each second")
    options = parser.parse_args()
    clients = Clients().login()
    prefix = f"mix-{os.getpid()}-{int(time.time())}"
    ground = Ground(clients) if options.balancers else None
    print("begun", flush=True)
    kinds = 2 if ground is not None else 1
    reads = Reads(clients, kinds, 1 / options.reads) if options.reads else None
    stacks = Steady(
        options.seconds, options.rate, lambda number: Stack(clients, f"{prefix}-{number}", number)
    )
    balancers = Steady(
        options.seconds, options.balancers, lambda number: Balancer(ground, f"{prefix}-lb-{number}", number)
    )
    time.sleep(options.seconds)
    read = reads.end() if reads is not None else {}
    stacks.join()
    balancers.join()
    sheet = balance(clients, prefix, stacks.lives)  # type: ignore[arg-type]
    if ground is not None:
        more = ground.balance(balancers.lives)  # type: ignore[arg-type]
        sheet = {key: value + more.get(key, type(value)()) for key, value in sheet.items()}
    slow = sorted(sheet.pop("seconds"))
    sheet |= {"slowest": slow[-1] if slow else 0.0, "median": slow[len(slow) // 2] if slow else 0.0}
    print(json.dumps(sheet | read))


def balance(clients: Clients, prefix: str, stacks: Sequence[Stack]) -> dict[str, Any]:
    """What was asked for and what there is; then all of it is deleted, and what there is still."""
    names = _secrets(clients, prefix)
    wanted = [stack.name for stack in stacks if stack.id and not stack.deleted]
    lost = [name for name in wanted if name not in names]
    duplicated = sorted({name for name in names if names.count(name) > 1})
    orphaned = set(names) - set(wanted)
    ending = [threading.Thread(target=stack.delete) for stack in stacks]
    for at in range(0, len(ending), 8):
        for thread in ending[at : at + 8]:
            thread.start()
        for thread in ending[at : at + 8]:
            thread.join()
    left = {stack.name for stack in stacks if stack.id and not stack.deleted}
    orphaned |= set(_secrets(clients, prefix)) - left
    steps = [step for stack in stacks for step in stack.steps]
    return {
        "requested": len(stacks),
        "operations": len(steps),
        "done": sum(step["done"] for step in steps),
        "problems": [f"{stack.name}: {stack.problem}" for stack in stacks if stack.problem],
        "lost": lost,
        "duplicated": duplicated,
        "orphaned": sorted(orphaned),
        "seconds": [step["seconds"] for step in steps],
    }


def _secrets(clients: Clients, prefix: str) -> list[str]:
    names: list[str] = []
    while True:
        path = f"/v1/secrets?limit=100&offset={len(names)}"
        status, page = clients.ask("key-manager", "GET", path, patience=CENSUS_PATIENCE)
        assert status == 200, (path, status, page)
        names += [one["name"] or "" for one in page["secrets"]]
        if len(names) >= page["total"] or not page["secrets"]:
            return [name for name in names if name.startswith(prefix)]


if __name__ == "__main__":
    main()
