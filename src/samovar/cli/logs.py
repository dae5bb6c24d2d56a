# SPDX-License-Identifier: Apache-2.0
"""samovar logs: the last lines of the cloud's log, and what comes after them."""

from __future__ import annotations

import argparse
import time
from collections import deque

from .main import CommandError
from .state_directory import StateDirectory


def run(options: argparse.Namespace) -> int:
    log = StateDirectory(options.state_dir).log
    if not log.exists():
        raise CommandError(f"nothing has been logged yet; the log would be {log}")
    with log.open(errors="replace") as file:
        for line in deque(file, maxlen=max(options.lines, 0)):
            print(line, end="")
        while options.follow:
            line = file.readline()
            if line:
                print(line, end="", flush=True)
            else:
                time.sleep(0.2)
    return 0
