# SPDX-License-Identifier: Apache-2.0
"""boto3 makes, changes and deletes a stack, waits for it, and reads everything about it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.kernel, pytest.mark.clients]
SCRIPT = Path(__file__).parent / "boto3_stacks.py"


@pytest.fixture(scope="module")
def seen(live):
    keys = live.mine("ec2", "credentials", "create")
    endpoint = f"{live.origin}/heat-api-cfn/v1/"
    python = Path(os.environ["SAMOVAR_CLIENTS"]) / "python"
    command = [str(python), str(SCRIPT), endpoint, keys["access"], keys["secret"]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_stack_from_its_creation_to_its_end(seen):
    assert {each["ParameterKey"]: each.get("DefaultValue") for each in seen["validated"]}["Length"] == "8"
    stack = seen["created"]
    assert (stack["StackStatus"], stack["TimeoutInMinutes"]) == ("CREATE_COMPLETE", 5)
    assert stack["DisableRollback"] is False
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    assert (parameters["Length"], parameters["Secret"]) == ("12", "******")
    assert len(stack["Outputs"][0]["OutputValue"]) == 12
    assert len(seen["updated"][0]["OutputValue"]) == 20
    assert seen["left"] == []


def test_its_resources_events_and_template(seen):
    assert seen["detail"]["ResourceStatus"] == "CREATE_COMPLETE"
    assert seen["by_physical_id"] == seen["listed"] == seen["template"] == ["Word"]
    assert seen["events"][0] == "UPDATE_COMPLETE" and seen["events"][-1] == "CREATE_IN_PROGRESS"


def test_refusals_have_the_codes_of_the_query_api(seen):
    assert seen["codes"] == {
        "again": "AlreadyExists",
        "broken": "InvalidParameterValue",
        "absent": "ValidationError",
        "no update": "InvalidParameterValue",
        "unknown action": "InvalidAction",
        "wrong secret": "SignatureDoesNotMatch",
        "unknown key": "InvalidClientTokenId",
    }
