# SPDX-License-Identifier: Apache-2.0
"""What the machine needs is told truly, with the fix for what is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT_PRIVILEGES = ("setpriv", "--bounding-set=-all", sys.executable)


LOOKING = """
import json, subprocess
from pathlib import Path
from samovar.cloud.host.needs import needs

def surroundings():
    return Path("/proc/self/mounts").read_text(), subprocess.check_output(["ip", "-o", "link"], text=True)

before = surroundings()
found = needs()
missing = [need.name for need in found if need.required and not need.met]
fixes = [need.fix for need in found if need.met and need.fix]
print(json.dumps([missing, fixes, surroundings() == before]))
"""


@pytest.mark.kernel
def test_this_machine_has_all_that_is_required_and_is_left_as_it_was() -> None:
    alone = ("unshare", "--mount", "--net", sys.executable, "-c", LOOKING)  # others make networks meanwhile
    missing, fixes, as_it_was = json.loads(subprocess.check_output(alone))
    assert missing == []
    assert fixes == []
    assert as_it_was


@pytest.mark.kernel
def test_without_privileges_everything_missing_has_a_fix() -> None:
    program = "from samovar.cloud.host.needs import needs\n"
    program += "for one in needs(): print(one.met, one.name, one.fix, sep='|')"
    output = subprocess.check_output([*WITHOUT_PRIVILEGES, "-c", program], text=True)
    rows = [line.split("|") for line in output.splitlines()]
    missing = {name: fix for met, name, fix in rows if met == "False"}
    assert "Run it as root" in missing["privileges to make networks"]
    assert "network namespaces, bridges and veth pairs" in missing
    assert all(missing.values())


@pytest.mark.kernel
def test_an_agent_without_privileges_ends_with_a_sentence(tmp_path: Path) -> None:
    command = [*WITHOUT_PRIVILEGES, "-m", "samovar.cloud.host"]
    command += ["--state-dir", str(tmp_path), "--socket", str(tmp_path / "sock")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "may not make networks here" in ended.stderr and "Run it as root" in ended.stderr
    assert "Traceback" not in ended.stderr
