# SPDX-License-Identifier: Apache-2.0
"""Ansible's modules for load balancing and stacks, as a playbook uses them.

The collection openstack.cloud is only to be had with all of Ansible, some 600 MB: this runs where
SAMOVAR_ANSIBLE names the `bin` folder of an environment with ``pip install ansible 'openstacksdk<4.5'`` (the collection reads openstack.version, which later ones no longer
give unasked).
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

FOLDER = os.environ.get("SAMOVAR_ANSIBLE")
HERE = Path(__file__).parent

pytestmark = [
    pytest.mark.clients,
    pytest.mark.kernel,
    pytest.mark.skipif(not FOLDER, reason="SAMOVAR_ANSIBLE names no environment with Ansible"),
]


def play(cloud, name):
    """What each task changed, and how many failed."""
    environment = {
        **os.environ,
        **cloud.environment,
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_HOME": str(cloud.folder / "ansible"),
        "PATH": f"{FOLDER}:{os.environ['PATH']}",
    }
    environment.pop("PYTHONPATH", None)
    interpreter = f"ansible_python_interpreter={FOLDER}/python"
    command = [f"{FOLDER}/ansible-playbook", str(HERE / name), "-e", interpreter]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tasks = json.loads(done.stdout)["plays"][0]["tasks"]
    return {task["task"]["name"]: task["hosts"]["localhost"]["changed"] for task in tasks}


def test_a_playbook_makes_it_once_and_takes_it_away(cloud):
    names = ("network", "subnet", "load balancer", "listener", "pool", "member", "monitor", "stack")
    assert play(cloud, "playbook.yaml") == dict.fromkeys(names, True)
    # What is there stays as it is. The stack module updates a stack whenever it is named.
    again = play(cloud, "playbook.yaml")
    assert {name for name, changed in again.items() if changed} <= {"stack"}, again
    gone = play(cloud, "playbook-absent.yaml")
    assert all(gone.values()), gone
