# SPDX-License-Identifier: Apache-2.0
"""kill -9 of every part of load balancing while it is used: traffic as promised, and all of it healed.

`load_balancing.py` beside this is the same for minutes (docs/faults.md).
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from load_balancing import Sheet, drill
from supervised import balancing

pytestmark = [pytest.mark.kernel, pytest.mark.faults]


@pytest.mark.parametrize("apart", [True, False], ids=["each service apart", "the whole cloud"])
def test_every_part_may_die(tmp_path: Path, apart: bool) -> None:
    sheet = Sheet()
    rounds = 1 if apart else 0  # amphorae die but once: which processes made them does not matter
    with balancing(tmp_path, apart=apart) as fleet:
        asyncio.run(
            drill(
                fleet, sheet, seconds=4.0, seed=11, users=2, pace=1.5, rounds=rounds, strays=False
            )
        )  # fmt: skip
    assert sheet.wrong == [], sheet.text()
    assert sum(sheet.faults.values()) >= (4 + 7 if apart else 1) and sheet.done["create"] > 2, sheet.text()
    assert all(gap < 15 for gap in sheet.gaps.values()), sheet.text()
