# SPDX-License-Identifier: Apache-2.0
"""Every `openstack secret …`, `acl …` and `ca …` command there is, against the real thing."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.kernel]
ME = {"user": "samovar", "project": "samovar"}
GROUPS = ("secret", "acl", "ca")


class Recorder:
    """Runs commands as the member (or as the administrator) and remembers which."""

    def __init__(self, live):
        self.live, self.ran = live, []

    def do(self, line, *more, admin=False, status=0):
        words = (*line.split(), *more)
        self.ran.append(" ".join(words))
        return self.live.run(*words, status=status, **({} if admin else ME))

    def json(self, line, *more, admin=False):
        words = (*line.split(), *more)
        self.ran.append(" ".join(words))
        return self.live.json(*words, **({} if admin else ME))


@pytest.fixture(scope="module")
def recorder(live):
    return Recorder(live)


def test_secrets_orders_and_containers(recorder, tmp_path):
    stored = recorder.json("secret store --name words --payload tea --secret-type passphrase")["Secret href"]
    assert recorder.json("secret get --payload", stored)["Payload"] == "tea"
    recorder.json("secret list")
    empty = recorder.json("secret store --name later")["Secret href"]
    recorder.do("secret update", empty, "payload")
    assert recorder.json("secret get --payload", empty)["Payload"] == "payload"
    consumer = "--service-type-name image --resource-type image --resource-id 1"
    recorder.do(f"secret consumer create {consumer}", stored)
    assert len(recorder.json("secret consumer list", stored)) == 1
    recorder.do(f"secret consumer delete {consumer}", stored)
    box = recorder.json("secret container create --name box --secret", f"words={stored}")["Container href"]
    assert recorder.json("secret container get", box)["Name"] == "box"
    assert len(recorder.json("secret container list")) == 1
    recorder.do("secret container delete", box)
    order = recorder.json("secret order create key --name k --algorithm aes --bit-length 256 --mode cbc")
    href = order["Order href"]
    assert recorder.json("secret order get", href)["Status"] == "ACTIVE"
    assert len(recorder.json("secret order list")) == 1
    recorder.do("secret order delete", href)
    recorder.do("acl submit --user someone --no-project-access", stored)
    recorder.do("acl user add --user another", stored)
    recorder.do("acl user remove --user someone", stored)
    assert "another" in recorder.do("acl get", stored).stdout
    recorder.do("acl delete", stored)
    recorder.do("secret delete", stored)
    # There is no certificate authority, and the commands say so.
    recorder.do("ca list", status=1)
    recorder.do("ca get http://127.0.0.1/v1/cas/none", status=1)


def test_no_command_was_left_out(recorder):
    """Last: what this file ran is all that the clients have."""
    listed = recorder.live.json("command", "list")
    known = {
        command
        for group in listed
        for command in group["Commands"]
        if command.split()[0] in GROUPS and not command.startswith("ca list --")
    }
    assert len(known) > 20
    left = {one for one in known if not any(f"{ran} ".startswith(f"{one} ") for ran in recorder.ran)}
    assert left == set()
