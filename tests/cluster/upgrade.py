# SPDX-License-Identifier: Apache-2.0
"""A rolling upgrade of the guide's cluster from another version of the program to this one, and back, one
process after the other under a steady mix, with a balance sheet.

    git archive OLD src | tar -x -C /tmp/old
    python -m tests.cluster.upgrade /tmp/old/src
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:1] = [str(HERE.parent), str(HERE.parent.parent / "src")]
os.environ["PATH"] += ":/usr/sbin"

from cluster.cluster import ROOT, Cluster, cluster  # noqa: E402
from deploy.machines import ask  # noqa: E402

PORTS = {"keystone": 5000, "heat-api": 8004, "heat-api-cfn": 8000}


def roll(made: Cluster, source: Path, rate: float) -> dict[str, object]:
    """End each process in order and start it from this source; the balance sheet."""
    made.source = source
    mix = made.mix(8 * len(made.services), rate=rate)
    time.sleep(2)
    for label in list(made.services):
        made.services[label].process.terminate()
        made.again(label)
        name = label.partition("@")[0].partition("+")[0]
        if name in PORTS:
            made.ready(label, PORTS[name])
            made.machines.until(
                "client", lambda p=PORTS[name]: ask("10.0.0.1", p, path="/readyz")[0] == 200, 60
            )  # type: ignore[misc]
        else:
            time.sleep(4)
    return mix.sheet(seconds=900)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path, help="the src folder of the other version")
    parser.add_argument("--rate", type=float, default=1.0, help="stacks begun each second")
    options = parser.parse_args()
    bad = 0
    with (
        tempfile.TemporaryDirectory(prefix="sv-upgrade-") as folder,
        cluster(Path(folder), source=options.old.resolve()) as made,
    ):
        for what, source in (("upgrade", ROOT / "src"), ("and back", options.old.resolve())):
            sheet = roll(made, source, options.rate)
            counts = {key: len(sheet[key]) for key in ("lost", "duplicated", "orphaned", "problems")}  # type: ignore[arg-type]
            bad += sum(counts.values())
            print(f"{what}: {sheet['operations']} operations, {sheet['done']} done, {counts}", flush=True)
            for problem in sheet["problems"]:  # type: ignore[attr-defined]
                print(f"    {problem}", flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
