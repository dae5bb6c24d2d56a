# SPDX-License-Identifier: Apache-2.0
"""Every kind of fault on every service of the guide's cluster, each under a steady mix, with a balance sheet.

    python tests/cluster/drill.py [--long] [--only WORD] [--rate N]

--long has frozen processes and absent servers stay so for a minute instead of fifteen seconds.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:1] = [str(HERE.parent), str(HERE.parent.parent / "src")]
os.environ["PATH"] += ":/usr/sbin"

from cluster.cluster import Cluster, cluster  # noqa: E402

Fault = tuple[str, Callable[[], object], Callable[[], object]]


def faults(made: Cluster) -> Iterator[Fault]:
    """(name, what breaks it, what mends it)."""
    for label in list(made.services):
        if "keystone" in label:
            continue
        process = lambda label=label: made.services[label].process  # noqa: E731
        again = lambda label=label: made.again(label)  # noqa: E731
        yield f"kill -9 {label}", lambda process=process: process().kill(), again
        yield f"SIGTERM {label}", lambda process=process: process().terminate(), again
        yield (
            f"SIGSTOP {label}",
            lambda process=process: process().send_signal(signal.SIGSTOP),
            lambda process=process: process().send_signal(signal.SIGCONT),
        )
    for name, server in (("broker", made.broker), ("database", made.database)):
        yield f"{name} ended in order", lambda s=server: s.end(signal.SIGTERM), server.begin
        yield f"{name} killed", lambda s=server: s.end(signal.SIGKILL), server.begin
        yield (
            f"{name} frozen",
            lambda s=server: s.send(signal.SIGSTOP),
            lambda s=server: s.send(signal.SIGCONT),
        )
    for machine in ("b", "c"):
        yield (
            f"{machine} off the wire",
            lambda machine=machine: made.cut(machine, whole=True),
            lambda machine=machine: made.cut(machine, whole=False),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", default="", help="faults whose name has this word")
    parser.add_argument("--rate", type=float, default=1.5, help="stacks begun each second")
    options = parser.parse_args()
    away = 60.0 if options.long else 15.0
    print(
        f"{'fault':<34} {'ops':>5} {'lost':>5} {'twice':>6} {'orphans':>8} {'failed':>7} {'slowest':>8} {'median':>7}"
    )
    bad = 0
    with tempfile.TemporaryDirectory(prefix="sv-drill-") as folder, cluster(Path(folder)) as made:
        for name, hurt, mend in faults(made):
            if options.only not in name:
                continue
            mix = made.mix(away + 8, rate=options.rate)
            time.sleep(4)
            hurt()
            time.sleep(away)
            mend()
            sheet = mix.sheet(seconds=600)
            numbers = [len(sheet[key]) for key in ("lost", "duplicated", "orphaned", "problems")]
            bad += sum(numbers)
            lost, twice, orphans, failed = numbers
            print(
                f"{name:<34} {sheet['operations']:>5} {lost:>5} {twice:>6} {orphans:>8} {failed:>7} "
                f"{sheet['slowest']:>7.1f}s {sheet['median']:>6.1f}s",
                flush=True,
            )
            for problem in sheet["problems"]:
                print(f"    {problem}", flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
