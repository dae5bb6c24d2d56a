# SPDX-License-Identifier: Apache-2.0
"""Servers as their users and the compute service see them, in real containers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from samovar.cloud.host.errors import HostError
from samovar.cloud.host.launcher import start_time
from samovar.cloud.host.launching import Launcher
from samovar.cloud.host.reports import ServerExited
from samovar.cloud.host.specs import ImageSpec, ServerSpec

from .machine import Machine, busybox_archive, exists, machine, run, spec, until

pytestmark = pytest.mark.kernel


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Machine]:
    async with machine(tmp_path) as one:
        yield one


async def test_server_boots_runs_its_script_and_shows_a_login(here: Machine) -> None:
    one = spec("echo I am $(hostname), user $(id -u), process 1 is $(cat /proc/1/cmdline | tr '\\0' ' ')")
    status = await here.servers.ensure(one)
    assert (status.state, status.isolated) == ("running", True)
    text = await here.says(one.id, "login:")
    assert "I am web1, user 0, process 1 is sh /run/samovar/init" in text
    assert text.rstrip().endswith("web1 login:")


async def test_ensure_again_changes_nothing(here: Machine) -> None:
    one = spec()
    statuses = await asyncio.gather(*(here.servers.ensure(one) for _ in range(5)))
    assert len({status.pid for status in statuses}) == 1
    assert len(here.servers._cgroups.processes(one.id)) >= 1


async def test_host_image_has_programs_and_no_secrets(here: Machine, tmp_path: Path) -> None:
    text = await run(
        here,
        "/usr/bin/python3 -c 'print(6*7)'; dpkg -s dpkg | grep ^Status; ls -A /home /srv /opt; id nobody;"
        "cut -d: -f2 /etc/shadow | sort -u; ls /etc/ssh/ssh_host_* 2>&1;"
        "ls /work /root/.pyenv /var/lib/docker 2>&1;"
        f"ls {tmp_path} 2>&1; touch /usr/bin/new /etc/new /var/lib/dpkg/new && echo writable",
    )
    assert "42" in text and "install ok installed" in text and "writable" in text
    assert "$" not in text.split("uid=")[1].split("ls:")[0]
    assert text.count("No such file or directory") == 5
    assert not exists("/usr/bin/new")


async def test_root_inside_cannot_reach_outside(here: Machine) -> None:
    text = await run(
        here,
        "ip link add x type dummy; ip addr add 10.9.9.9/8 dev lo; nft add table t; mknod /x b 8 0;"
        "echo 1 >/proc/sys/kernel/panic; mount -o remount,rw /sys; kill -9 1; ls /sys/fs/cgroup; echo done",
    )
    assert text.count("not permitted") >= 4
    assert "done" in text
    assert "/proc/sys/kernel/panic: Permission denied" in text


async def test_low_ports_and_ping_are_for_everybody(here: Machine) -> None:
    program = "import socket; socket.create_server(('', 80)); socket.socket(2, 2, 1); print('both')"
    text = await run(here, f'python3 -c "{program}"; ip -o link show lo')
    assert "both" in text and "UP" in text


async def test_memory_limit_kills_what_is_too_big(here: Machine) -> None:
    text = await run(
        here, "/usr/bin/python3 -c 'x = bytearray(400 << 20); print(len(x))'; echo code $?", memory_mb=64
    )
    assert "code 137" in text


async def test_cpu_limit_holds_and_can_be_changed_while_running(here: Machine) -> None:
    one = spec("while :; do :; done & while :; do :; done &", vcpus=1)
    await here.servers.ensure(one)
    assert 0.1 < await processors_used(here, one.id) < 1.3
    await here.servers.resize(ServerSpec(id=one.id, hostname="web1", memory_mb=200, vcpus=2))
    assert here.servers._files(one.id).spec().memory_mb == 200  # type: ignore[union-attr]


async def processors_used(here: Machine, server_id: str) -> float:
    """How many CPUs the server's processes use, measured over half a second."""

    def seconds() -> float:
        total = 0
        for pid in here.servers._cgroups.processes(server_id):
            with suppress(FileNotFoundError), open(f"/proc/{pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    loop = asyncio.get_running_loop()
    before, begun = seconds(), loop.time()
    await asyncio.sleep(0.5)
    return (seconds() - before) / (loop.time() - begun)


async def test_stop_and_start_keep_what_was_written(here: Machine) -> None:
    one = spec("echo once >>/root/kept")
    await here.servers.ensure(one)
    await here.says(one.id, "login:")
    assert (await here.servers.stop_server(one.id, 10)).state == "stopped"
    assert here.servers._cgroups.processes(one.id) == []
    await here.servers.start_server(one.id)
    await until(lambda: here.console(one.id).count("login:") == 2)
    kept = here.host.state_dir / "servers" / one.id / "upper" / "root" / "root" / "kept"
    assert kept.read_text() == "once\n"
    assert here.events == []


async def test_soft_and_hard_reboot_give_a_new_first_process(here: Machine) -> None:
    one = spec()
    first = await here.servers.ensure(one)
    second = await here.servers.reboot(one.id, hard=False)
    third = await here.servers.reboot(one.id, hard=True)
    assert len({first.pid, second.pid, third.pid}) == 3
    assert here.events == []


@pytest.mark.parametrize("command", ["poweroff", "shutdown -h now", "halt", "kill -TERM 1"])
async def test_power_off_inside_stops_the_server_and_is_told(here: Machine, command: str) -> None:
    one = spec(f"(sleep 0.2; {command}) &")
    await here.servers.ensure(one)
    await until(lambda: bool(here.events), lambda: here.console(one.id))
    event = here.events[0]
    assert isinstance(event, ServerExited)
    assert (event.id, event.exit_status) == (one.id, 0)
    assert event.reason == "The server switched itself off."
    assert here.status(one.id) == "stopped"
    await here.servers.ensure(one)
    assert here.status(one.id) == "running"


async def test_reboot_inside_boots_again(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a background job of a shell has it
    try:
        async with machine(tmp_path) as here:
            one = spec("(sleep 0.2; reboot) &")
            await here.servers.ensure(one)
            await until(lambda: here.console(one.id).count("login:") == 2, lambda: here.console(one.id))
            assert here.status(one.id) == "running"
            assert here.events == []
    finally:
        signal.signal(signal.SIGINT, before)


async def test_killed_first_process_is_told(here: Machine) -> None:
    one = spec()
    status = await here.servers.ensure(one)
    os.kill(status.pid, signal.SIGKILL)
    await until(lambda: bool(here.events))
    event = here.events[0]
    assert isinstance(event, ServerExited)
    assert (event.exit_status, event.reason) == (-9, "The server's first process was killed.")


async def test_pause_freezes_and_unpause_continues(here: Machine) -> None:
    one = spec("while sleep 0.01; do echo tick; done &")
    await here.servers.ensure(one)
    await here.says(one.id, "tick")
    assert (await here.servers.pause(one.id, True)).state == "paused"
    before = here.console(one.id).count("tick")
    await asyncio.sleep(0.1)
    assert here.console(one.id).count("tick") == before
    assert (await here.servers.pause(one.id, False)).state == "running"
    await until(lambda: here.console(one.id).count("tick") > before)
    await here.servers.pause(one.id, True)
    await here.servers.remove(one.id)


async def test_rebuild_forgets_everything_written(here: Machine) -> None:
    one = spec("ls /root/kept; touch /root/kept; echo first-boot")
    await here.servers.ensure(one)
    await here.says(one.id, "login:")
    await here.servers.rebuild(one)
    await until(lambda: here.console(one.id).count("first-boot") == 2)
    assert here.console(one.id).count("/root/kept': No such file") == 2


async def test_servers_outlive_the_agent_and_are_found_again(tmp_path: Path) -> None:
    first = Machine(tmp_path)
    await first.start()
    one, other, third = spec(), spec(), spec()
    pids = {each.id: (await first.servers.ensure(each)).pid for each in (one, other, third)}
    for each in (one, other, third):
        await first.says(each.id, "login:")
    await first.stop()
    os.kill(pids[other.id], signal.SIGKILL)
    os.kill(pids[third.id], signal.SIGINT)
    files = tmp_path / "servers" / third.id / "run" / "exit"
    await until(files.exists)
    async with machine(tmp_path) as second:
        assert second.servers._status_of(one.id).pid == pids[one.id]
        await until(lambda: len(second.events) == 1 and second.status(third.id) == "running")
        assert second.status(other.id) == "stopped"
        await second.servers.remove(one.id)
        assert start_time(pids[one.id]) == 0


async def test_after_a_restart_of_the_machine_servers_are_stopped_until_ensured(tmp_path: Path) -> None:
    async with machine(tmp_path) as here:
        one = spec()
        status = await here.servers.ensure(one)
        pid_file = tmp_path / "servers" / one.id / "pid"
        known = json.loads(pid_file.read_text())
        await here.servers.stop_server(one.id, 10)
        state = here.servers._files(one.id).state()
        state.wanted = True
        here.servers._files(one.id).save_state(state)
        pid_file.write_text(json.dumps(known | {"boot": "another", "pid": os.getpid()}))
        await here.servers._ended(one.id)
        assert here.servers._status_of(one.id).error == "The machine was restarted."
        assert (await here.servers.ensure(one)).pid not in (status.pid, os.getpid())


async def test_removal_that_was_cut_off_is_finished(tmp_path: Path) -> None:
    first = Machine(tmp_path)
    await first.start()
    one = spec()
    pid = (await first.servers.ensure(one)).pid
    (tmp_path / "servers" / one.id / "removing").touch()
    await first.stop()
    async with machine(tmp_path) as second:
        assert start_time(pid) == 0
        assert not (tmp_path / "servers" / one.id).exists()
        assert await second.servers.inventory() is not None


async def test_many_launchers_at_once_start_one_first_process(here: Machine) -> None:
    one = spec()
    first = await here.servers.ensure(one)
    requests: list[dict[str, Any]] = []
    launch = here.servers._launcher.launch

    async def recorded(request: dict[str, Any]) -> dict[str, Any]:
        requests.append(request)
        return await launch(request)

    here.servers._launcher.launch = recorded  # type: ignore[method-assign]
    await here.servers.reboot(one.id, hard=True)
    await here.servers.stop_server(one.id, 10)
    launchers = [Launcher() for _ in range(3)]
    started = await asyncio.gather(*(each.launch(requests[0]) for each in launchers for _ in range(2)))
    for each in launchers:
        await each.close()
    assert len({answer["pid"] for answer in started} - {first.pid}) == 1
    await here.servers.start_server(one.id)
    assert here.servers._status_of(one.id).pid == started[0]["pid"]


async def test_killed_launcher_is_replaced(here: Machine) -> None:
    await here.servers._launcher.prepare()
    process = here.servers._launcher._process
    assert process is not None
    process.kill()
    assert (await here.servers.ensure(spec())).state == "running"


async def test_unknown_servers_and_images_are_named(here: Machine) -> None:
    with pytest.raises(HostError, match=r"There is no server nobody on this host\."):
        await here.servers.stop_server("nobody", 1)
    with pytest.raises(HostError, match="has not been unpacked"):
        await here.servers.ensure(spec(image="nothing"))
    await here.servers.remove("nobody")


async def test_server_from_a_tar_archive(here: Machine, tmp_path: Path) -> None:
    archive = await asyncio.to_thread(busybox_archive, tmp_path)
    image = ImageSpec(id="img1", source=str(archive), disk_format="raw", container_format="bare")
    report = await here.servers._unpack(image)
    assert report.size > 500_000
    one = spec("echo made of $(ls -l /bin/sh)", image="img1")
    await here.servers.ensure(one)
    assert "made of lrwxrwxrwx" in await here.says(one.id, "login:")
    await here.servers.remove(one.id)


async def test_what_is_no_image_is_refused_with_a_remedy(here: Machine, tmp_path: Path) -> None:
    source = tmp_path / "some.iso"
    source.write_bytes(b"\0" * 0x8001 + b"CD001" + b"\0" * 4096)
    with pytest.raises(HostError, match="in the format ISO 9660, which is not supported here"):
        await here.servers._unpack(
            ImageSpec(id="iso", source=str(source), disk_format="iso", container_format="bare")
        )
