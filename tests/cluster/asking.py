# SPDX-License-Identifier: Apache-2.0
"""How the clients of the mix ask: with a token, again while nobody answers; and reads at a steady pace,
each on a connection of its own and never repeated, which tell what a fault feels like."""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
import urllib.error
import urllib.request
from typing import Any

FAILURES = (OSError, http.client.HTTPException)
UNSURE = (502, 503, 504)
"""Answers of a proxy, or of an API whose database is away: whether it was done is to be looked for."""


class Clients:
    """Requests of one user, by default of the environment's."""

    def __init__(self) -> None:
        self._token, self._catalog = "", {}
        self.project = ""

    def login(self, user: str = "", password: str = "", project: str = "") -> Clients:
        person = {
            "name": user or os.environ["OS_USERNAME"],
            "domain": {"id": "default"},
            "password": password or os.environ["OS_PASSWORD"],
        }
        scope = {"name": project or os.environ["OS_PROJECT_NAME"], "domain": {"id": "default"}}
        methods = {"methods": ["password"], "password": {"user": person}}
        body = {"auth": {"identity": methods, "scope": {"project": scope}}}
        request = urllib.request.Request(
            os.environ["OS_AUTH_URL"] + "/auth/tokens",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        deadline = time.monotonic() + 90
        while True:
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    token = json.load(answer)["token"]
                    self._token = answer.headers["X-Subject-Token"]
                break
            except FAILURES:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
        self.project = token["project"]["id"]
        for entry in token["catalog"]:
            (url,) = [one["url"] for one in entry["endpoints"] if one["interface"] == "public"]
            self._catalog[entry["type"]] = url
        return self

    def once(
        self, service: str, method: str, path: str, body: Any = None, timeout: float = 20
    ) -> tuple[int, Any]:
        """Status and body of one try; status 0 where there was no answer."""
        headers = {
            "x-auth-token": self._token,
            "content-type": "application/json",
            "accept": "application/json",
        }
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._catalog[service] + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text[:1] in (b"{", b"[") else text.decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except FAILURES as error:
            return 0, f"{type(error).__name__}: {error}"

    def ask(
        self, service: str, method: str, path: str, body: Any = None, patience: float = 240
    ) -> tuple[int, Any]:
        """The same, again while nobody answers: for what may be asked twice."""
        deadline = time.monotonic() + patience
        while True:
            status, answer = self.once(service, method, path, body)
            if status not in (0, *UNSURE) or time.monotonic() > deadline:
                return status, answer
            time.sleep(0.3)

    def rows(self, service: str, path: str, key: str) -> list[dict[str, Any]]:
        """A whole list."""
        status, answer = self.ask(service, "GET", path, patience=600)
        assert status == 200, (path, status, answer)
        found: list[dict[str, Any]] = answer[key]
        return found


READS = (
    ("orchestration", "/stacks?limit=1"),
    ("load-balancer", "/v2/lbaas/loadbalancers?limit=1"),
)


class Reads:
    """One read of each kind after the other, `every` seconds, whether or not the last one was answered."""

    def __init__(self, clients: Clients, kinds: int, every: float) -> None:
        self._clients, self._kinds, self._every = clients, READS[:kinds], every
        self._stop = threading.Event()
        self.seen: list[tuple[float, float, int]] = []
        self._told: list[str] = []
        self._threads: list[threading.Thread] = []
        self._pacer = threading.Thread(target=self._pace)
        self._pacer.start()

    def _pace(self) -> None:
        number, began = 0, time.monotonic()
        while not self._stop.wait(max(0.0, began + number * self._every - time.monotonic())):
            number += 1
            thread = threading.Thread(target=self._one, args=self._kinds[number % len(self._kinds)])
            thread.start()
            self._threads.append(thread)

    def _one(self, service: str, path: str) -> None:
        sent = time.monotonic()
        status, answer = self._clients.once(service, "GET", path)
        self.seen.append((sent, time.monotonic() - sent, status))
        if status != 200:
            self._told.append(f"{service} at {time.strftime('%X')}: {status} {str(answer)[:300]}")

    def end(self) -> dict[str, Any]:
        """How many there were and failed, the slowest one, and the longest time of trouble: from the
        sending of a read that failed or took half a second until reads are well again."""
        self._stop.set()
        for thread in (self._pacer, *self._threads):
            thread.join()
        if not self.seen:
            return {"reads": 0, "reads_failed": 0, "reads_told": [], "slowest_read": 0.0, "trouble": 0.0}
        longest = since = until = 0.0
        for sent, took, status in sorted(self.seen):
            if status != 200 or took > 0.5:
                since = sent if sent > until else since
                until = max(until, sent + took)
                longest = max(longest, until - since)
        return {
            "reads": len(self.seen),
            "reads_failed": sum(status != 200 for _, _, status in self.seen),
            "reads_told": self._told[:4],
            "slowest_read": max(took for _, took, _ in self.seen),
            "trouble": longest,
        }
