# SPDX-License-Identifier: Apache-2.0
"""samovar status: what runs, where it listens, and how it is."""

from __future__ import annotations

import argparse
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from .state_directory import StateDirectory


def run(options: argparse.Namespace) -> int:
    if options.cluster:
        from . import cluster_status

        return cluster_status.run(options)
    state = StateDirectory(options.state_dir)
    running = state.running() if state.exists() else None
    if running is None:
        if options.json:
            print(json.dumps({"running": False, "state_dir": str(state.path)}))
        else:
            print(f"The cloud does not run (state directory {state.path}). Start it with: samovar up")
        return 3
    status, checks = _ready(running.origin)
    if options.json:
        facts: dict[str, Any] = {
            "running": True,
            "pid": running.pid,
            "origin": running.origin,
            "ready": status == 200,
        }
        print(json.dumps({**facts, "checks": checks, "state_dir": str(state.path)}))
    else:
        print(f"The cloud runs at {running.origin} as process {running.pid} (state directory {state.path}).")
        for name, answer in checks.items():
            print(
                f"  {'✓' if answer == 'ok' else '✗'} {name:<14} {'' if answer == 'ok' else answer}".rstrip()
            )
    return 0 if status == 200 else 1


def _ready(origin: str) -> tuple[int, dict[str, str]]:
    parts = urlsplit(origin)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        checks: dict[str, str] = json.loads(answer.read())["checks"]
        return answer.status, checks
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        return 0, {"answer": f"the APIs do not answer: {error}"}
    finally:
        connection.close()
