# SPDX-License-Identifier: Apache-2.0
"""samovar doctor: every need of the machine, and the remedy for what it lacks."""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass

from samovar.cloud.host.needs import needs

from .state_directory import StateDirectory

FREE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    met: bool
    needed: bool
    found: str
    remedy: str


def run(options: argparse.Namespace) -> int:
    findings = [Finding(need.name, need.met, need.required, need.found, need.fix) for need in needs()] + [
        _disk(StateDirectory(options.state_dir))
    ]
    lacking = [finding for finding in findings if not finding.met and finding.needed]
    if options.json:
        rows = [{name: getattr(finding, name) for name in Finding.__slots__} for finding in findings]
        print(json.dumps({"healthy": not lacking, "needs": rows}))
        return 1 if lacking else 0
    for finding in findings:
        mark = "✓" if finding.met else "✗" if finding.needed else "–"
        print(f"{mark} {finding.name}: {finding.found}")
        if not finding.met:
            print(f"    {finding.remedy}")
    print("This machine lacks what is marked with ✗." if lacking else "This machine has all that is needed.")
    return 1 if lacking else 0


def _disk(state: StateDirectory) -> Finding:
    folder = state.path
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return Finding(
        "disk space", free >= FREE_BYTES, True, f"{free / (1 << 30):.1f} GiB free at {folder}",
        "Free some space, or choose another place with --state-dir; 1 GiB is wise.",
    )  # fmt: skip
