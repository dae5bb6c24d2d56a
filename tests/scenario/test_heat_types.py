# SPDX-License-Identifier: Apache-2.0
"""One stack with a resource of each OS::Heat type, through the life of a stack, in a real cloud."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.kernel
STACK = str(Path(__file__).parent / "stacks" / "heat-types.yaml")


def test_every_type_is_made_changed_saved_restored_and_removed(cloud):
    before = cloud.openstack_json("stack", "list")

    def status(wanted: str) -> None:
        deadline = time.monotonic() + 90
        while (shown := cloud.openstack_json("stack", "show", "types"))["stack_status"] != wanted:
            assert time.monotonic() < deadline and "FAILED" not in shown["stack_status"], shown
            time.sleep(0.2)

    def outputs() -> dict[str, object]:
        shown = cloud.openstack_json("stack", "show", "types")["outputs"]
        assert not [each for each in shown if "output_error" in each]
        return {each["output_key"]: each["output_value"] for each in shown}

    def said(word: str, members: int) -> dict[str, object]:
        return {
            "value": word,
            "test": word,
            "group": [word] * 2,
            "chain": {"0": word, "1": word},
            "scaled": [word] * members,
            "remote": word,
        }

    def scale(url: object) -> None:
        request = urllib.request.Request(str(url), method="POST")
        assert urllib.request.urlopen(request, timeout=10).status == 200

    made = json.loads(cloud.up(STACK, "--name", "types", "--json"))
    assert made["status"] == "CREATE_COMPLETE", made
    found = outputs()
    assert found | said("first", 1) == found
    assert "runcmd" in str(found["mime"]) and 'filename="run.sh"' in str(found["mime"])
    scale(found["url"])
    snapshot = None
    deadline = time.monotonic() + 30
    while len(outputs()["scaled"]) != 2:  # type: ignore[arg-type]
        assert time.monotonic() < deadline
    snapshot = cloud.openstack_json("stack", "snapshot", "create", "types")["ID"]
    status("SNAPSHOT_COMPLETE")
    changed = json.loads(cloud.up(STACK, "--name", "types", "-P", "word=second", "--json"))
    assert changed["status"] == "UPDATE_COMPLETE", changed
    scale(found["url"])
    deadline = time.monotonic() + 30
    while (now := outputs()) | said("second", 3) != now:
        assert time.monotonic() < deadline, now
    for action in ("suspend", "resume", "check"):
        cloud.openstack("stack", action, "types")
        status(f"{action.upper()}_COMPLETE")
    cloud.openstack("stack", "snapshot", "restore", "types", snapshot)
    status("RESTORE_COMPLETE")
    now = outputs()
    assert now | said("first", 2) == now
    cloud.openstack("stack", "delete", "types", "--yes")
    deadline = time.monotonic() + 60
    while cloud.openstack_json("stack", "list") != before:
        assert time.monotonic() < deadline
    assert cloud.openstack_json("software", "deployment", "list") == []
    assert cloud.openstack_json("software", "config", "list") == []
