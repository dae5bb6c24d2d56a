# SPDX-License-Identifier: Apache-2.0
"""Runs schedules of the simulation; prints those that prove something wrong, and how to see them again.

PYTHONHASHSEED=0 PYTHONPATH=src python tests/simulation 1000          # seeds 0 … 999
PYTHONHASHSEED=0 PYTHONPATH=src python tests/simulation --seed 4711   # one, with its story
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from schedule import prepare, simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after so many seconds of CPU time")
    parser.add_argument("--keep-going", action="store_true")
    given = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        parser.error("set PYTHONHASHSEED=0, so that a seed always gives the same schedule")
    logging.getLogger("samovar").setLevel(logging.ERROR)
    logging.getLogger("samovar").propagate = False
    sys.unraisablehook = lambda _what: None  # what a killed process leaves behind is swept up unheard
    store = prepare()
    if given.seed is not None:
        return one(given.seed, store)
    failures, ran, requests, virtual = 0, 0, 0, 0.0
    for seed in range(given.first, given.first + given.count):
        try:
            elapsed, accepted = simulate(seed, store)
            virtual, requests = virtual + elapsed, requests + accepted
        except Exception as error:
            failures += 1
            print(f"seed {seed}: {type(error).__name__}: {str(error)[:1500]}")
            print(
                f"  again: PYTHONHASHSEED=0 PYTHONPATH=src {sys.executable} tests/simulation --seed {seed}",
                flush=True,
            )
            if not given.keep_going:
                break
        ran += 1
        if given.seconds and time.process_time() > given.seconds:
            break
    spent = time.process_time()
    print(
        f"{ran} schedules, {requests} accepted requests, {virtual / 3600:.0f} hours of virtual time, "
        f"{failures} failures, {spent:.1f} s of CPU time ({ran / spent:.0f} schedules/s)"
    )
    return 1 if failures else 0


def one(seed: int, store: object) -> int:
    story: list[str] = []
    try:
        elapsed, accepted = simulate(seed, store, story)  # type: ignore[arg-type]
    except Exception:
        print("\n".join(story))
        traceback.print_exc()
        return 1
    print("\n".join(story))
    print(f"seed {seed}: well after {elapsed:.3f} virtual seconds, {accepted} accepted requests")
    return 0


if __name__ == "__main__":
    asyncio.set_event_loop_policy(None)
    sys.exit(main())
