# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from pathlib import Path
from samovar.runtime.confinement import confine
mine = Path(sys.argv[1])
print("lacking", confine([mine]))
(mine / "ok").write_text("ok")
(mine / "inner").mkdir()
(mine / "ok").rename(mine / "inner" / "moved")
(mine / "inner" / "moved").write_text("shorter")
print("inside")
try:
    Path(sys.argv[2]).write_text("no")
    print("outside")
except PermissionError:
    print("refused")
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(status["CapEff"], status["CapPrm"], status["NoNewPrivs"])
print(os.popen("grep CapEff /proc/self/status").read().strip())
"""


@pytest.mark.kernel
def test_a_confined_program_has_no_powers_and_writes_only_its_own(tmp_path):
    (tmp_path / "mine").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "mine"), str(tmp_path / "theirs")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[1] == "inside", done.stderr
    assert lines[0] != "lacking []" or lines[2] == "refused"
    assert lines[3] == "0000000000000000 0000000000000000 1"
    assert lines[4].endswith("0000000000000000")
