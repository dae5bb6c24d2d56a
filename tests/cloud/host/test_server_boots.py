# SPDX-License-Identifier: Apache-2.0
"""User data in real servers: what cloud-config leaves behind, what runs once, what runs on each boot."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from samovar.cloud.host import calls, console
from samovar.cloud.host.specs import FileSpec

from .machine import Machine, machine, spec, until

pytestmark = pytest.mark.kernel

CONFIG = b"""#cloud-config
hostname: db
fqdn: db.example.org
timezone: Etc/UTC
write_files:
- {path: /etc/deep/er/file, content: "written\\n", permissions: '0640', owner: 'ada:web', defer: true}
- {path: /root/log, content: "a\\n"}
- {path: /root/log, content: "b\\n", append: true}
groups: [web]
users:
- default
- {name: ada, groups: [web], shell: /bin/sh, ssh_authorized_keys: [ssh-ed25519 AAAA ada]}
chpasswd: {list: "ada:secret"}
bootcmd: [echo each-boot]
runcmd:
- echo ran as $(id -un) on $(hostname) >> /root/log
- [sh, -c, "cat /root/log; ls -l /etc/deep/er/file; id ada; hostname -f; cloud-init status; cat /etc/timezone"]
- exit 3
mounts: []
final_message: all done after $UPTIME s
"""


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Machine]:
    async with machine(tmp_path) as one:
        yield one


async def test_cloud_config_leaves_what_it_says(here: Machine) -> None:
    one = spec(user_data=CONFIG, public_keys=("ssh-ed25519 BBBB me",))
    await here.servers.ensure(one)
    text = await here.says(one.id, "db login:")
    for words in (
        "a\nb\nran as root on db\n",
        "-rw-r----- 1 ada web 8",
        "db.example.org",
        "status: running",
        "Etc/UTC",
        "WARNING: the cloud-config module mounts is not supported and was left out",
        "WARNING: Failed to run runcmd: exit code 3",
        "all done after",
    ):
        assert words in text, text
    assert text.count("WARNING") == 2, text
    upper = here.host.state_dir / "servers" / one.id / "upper" / "root"
    assert "ssh-ed25519 AAAA ada" in (upper / "home/ada/.ssh/authorized_keys").read_text()
    assert "ssh-ed25519 BBBB me" in (upper / "root/.ssh/authorized_keys").read_text()
    assert "ssh-ed25519 BBBB me" in (upper / "home/debian/.ssh/authorized_keys").read_text()
    assert "ada:$" in (upper / "etc/shadow").read_text()
    assert "listens on port 22" in text or "neither dropbear nor sshd" in text


async def test_once_means_once_and_each_boot_means_each(here: Machine) -> None:
    one = spec(user_data=CONFIG)
    await here.servers.ensure(one)
    await here.says(one.id, "db login:")
    await here.servers.reboot(one.id, hard=False)
    await until(lambda: here.console(one.id).count("login:") == 2, lambda: here.console(one.id))
    assert here.console(one.id).count("\neach-boot\n") == 2
    assert here.console(one.id).count("ran as root") == 1


async def test_what_is_written_to_the_console_gets_there(here: Machine) -> None:
    one = spec(
        "echo A > /dev/console; echo B > /dev/stderr; echo C | tee /dev/ttyS0 >&2;"
        "su nobody -s /bin/sh -c 'echo D'"
    )
    await here.servers.ensure(one)
    text = await here.says(one.id, "login:")
    assert text.split("running part-001\n")[1].startswith("A\nB\nC\nC\nD\n")


async def test_waiting_for_the_end_of_the_boot(here: Machine) -> None:
    one = spec("(cloud-init status --wait > /root/status) & true")
    await here.servers.ensure(one)
    path = here.host.state_dir / "servers" / one.id / "upper/root/root/status"
    await until(lambda: path.exists() and path.read_text() == "status: done\n")


async def test_config_drive_and_files_are_in_place_before_scripts_run(here: Machine) -> None:
    seed = "/var/lib/cloud/seed/config_drive/openstack/latest"
    one = spec(
        f"ls {seed}; cat {seed}/meta_data.json; echo; cat /opt/given /etc/resolv.conf; env | grep COLOUR",
        config_drive=True,
        metadata={"role": "db"},
        public_keys=("ssh-rsa AAAA me",),
        files=(FileSpec(path="/opt/given", content=b"given\n", mode=0o600),),
        nameservers=("10.1.1.1",),
        environment={"COLOUR": "blue"},
    )
    await here.servers.ensure(one)
    text = await here.says(one.id, "login:")
    document = json.loads(next(line for line in text.splitlines() if line.startswith("{")))
    assert document["meta"] == {"role": "db"}
    assert "given" in text and "nameserver 10.1.1.1" in text and "COLOUR=blue" in text
    assert "meta_data.json\nnetwork_data.json\nuser_data\n" in text


async def test_processes_left_by_scripts_go_on_and_end_with_the_server(here: Machine) -> None:
    one = spec("(trap 'echo bye' TERM; while :; do sleep 0.05; done) & nohup sleep 500 >/dev/null & exit 0")
    await here.servers.ensure(one)
    await here.says(one.id, "login:")
    assert len(here.servers._cgroups.processes(one.id)) >= 4
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await here.servers.stop_server(one.id, 10)
    assert loop.time() - begun < 9
    text = here.console(one.id)
    assert text.index("Stopping all processes") < text.index("bye") < text.index("Reached target: poweroff")


async def test_a_key_opens_the_server(here: Machine, tmp_path: Path) -> None:
    client, maker = shutil.which("dbclient"), shutil.which("dropbearkey")
    if client is None or maker is None:
        pytest.fail("this machine has no dropbear; ./samovar test installs it")
    key = tmp_path / "key"
    made = await asyncio.to_thread(
        subprocess.run, [maker, "-t", "ed25519", "-f", str(key)], check=True, capture_output=True, text=True
    )
    public = next(line for line in made.stdout.splitlines() if line.startswith("ssh-"))
    one = spec(public_keys=(public,))
    await here.servers.ensure(one)
    await here.says(one.id, "dropbear listens on port 22")
    for user in ("root", "debian"):
        command = ["ip", "netns", "exec", f"sv-srv-{one.id}", client, "-y", "-y", "-T", "-i", str(key)]
        command += [f"{user}@127.0.0.1", "id -un; sudo -n id -u; tty"]
        answer = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=20)
        assert answer.stdout.startswith(user), answer


async def test_console_stays_small_and_gives_its_last_lines(here: Machine) -> None:
    one = spec("seq 1 400000; echo last")
    await here.servers.ensure(one)
    await until(lambda: here.console(one.id).rstrip().endswith("login:"))
    path = here.host.state_dir / "servers" / one.id / "console.log"
    console.trim(path)
    assert path.stat().st_blocks * 512 < 2 << 20
    lines = (await here.servers._console(calls.Console(one.id, 8))).splitlines()
    assert "last" in lines and len(lines) == 8
    everything = await here.servers._console(calls.Console(one.id, None))
    assert len(everything) <= 1 << 20 and everything.count("\n") > 10_000
