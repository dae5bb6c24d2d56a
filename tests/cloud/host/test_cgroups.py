# SPDX-License-Identifier: Apache-2.0
"""Limits as they are written, on machines of each kind (their hierarchies played by directories)."""

from __future__ import annotations

from pathlib import Path

import pytest

from samovar.cloud.host.cgroups import Cgroups
from samovar.cloud.host.errors import HostError

UNIFIED = (
    "memory.max",
    "memory.swap.max",
    "cpu.max",
    "pids.max",
    "cgroup.freeze",
    "cgroup.procs",
    "memory.events",
)


def groups(place: Path, *files: str) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    for name in files:
        (place / name).touch()
    return place


def unified(tmp_path: Path, controllers: str) -> tuple[Cgroups, Path]:
    top = groups(tmp_path / "cgroup", "cgroup.subtree_control")
    (top / "cgroup.controllers").write_text(controllers)
    for name in ("samovar", "samovar/abc", "samovar/abc/s1"):
        groups(top / name, "cgroup.subtree_control", *UNIFIED)
    mounts = tmp_path / "mounts"
    mounts.write_text(f"proc /proc proc rw 0 0\ncgroup2 {top} cgroup2 rw 0 0\n")
    return Cgroups("abc", str(mounts)), top / "samovar/abc/s1"


def test_unified_hierarchy(tmp_path: Path) -> None:
    cgroups, group = unified(tmp_path, "cpuset cpu io memory pids")
    assert cgroups.missing == []
    assert cgroups.ensure("s1", memory_mb=64, vcpus=2) == [str(group)]
    assert (group / "memory.max").read_text() == str(64 << 20)
    assert (group / "memory.swap.max").read_text() == "0"
    assert (group / "cpu.max").read_text() == "200000 100000"
    assert (group / "pids.max").read_text() == "4096"
    (group / "memory.events").write_text("oom 1\noom_kill 3\n")
    assert cgroups.out_of_memory("s1") == 3
    (group / "cgroup.events").write_text("populated 1\nfrozen 1\n")
    cgroups.freeze("s1", True)
    assert cgroups.frozen("s1")


def test_controllers_that_are_missing_are_named_and_the_rest_is_limited(tmp_path: Path) -> None:
    cgroups, group = unified(tmp_path, "cpu pids")
    assert cgroups.missing == ["this machine has no cgroup controller for memory, so that is not limited"]
    cgroups.ensure("s1", memory_mb=64, vcpus=1)
    assert (group / "memory.max").read_text() == ""
    assert (group / "cpu.max").read_text() == "100000 100000"


def test_one_refused_controller_does_not_take_the_others_along(tmp_path: Path) -> None:
    cgroups, group = unified(tmp_path, "cpu memory pids")
    (tmp_path / "cgroup/samovar/cgroup.subtree_control").unlink()
    (tmp_path / "cgroup/samovar/cgroup.subtree_control").mkdir()
    refused = Cgroups("abc", str(tmp_path / "mounts"))
    assert cgroups.missing == []
    assert "the cgroup controller for cpu is refused: Is a directory" in refused.missing
    assert refused.ensure("s1", memory_mb=64, vcpus=1) == [str(group)]


def test_machine_without_control_groups(tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text("proc /proc proc rw 0 0\n")
    cgroups = Cgroups("abc", str(tmp_path / "mounts"))
    assert len(cgroups.missing) == 3
    assert cgroups.ensure("s1", memory_mb=64, vcpus=1) == []
    assert cgroups.groups() == [] and cgroups.processes("s1") == []
    with pytest.raises(HostError, match="no cgroup freezer: servers cannot be paused"):
        cgroups.freeze("s1", True)
    cgroups.remove("s1")


def test_hierarchy_that_may_not_be_written_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "memory").write_text("not a directory")
    (tmp_path / "mounts").write_text(f"cgroup {tmp_path}/memory cgroup rw,memory 0 0\n")
    cgroups = Cgroups("abc", str(tmp_path / "mounts"))
    for _ in range(2):
        assert cgroups.ensure("s1", memory_mb=64, vcpus=1) == []
    named = [sentence for sentence in cgroups.missing if "cannot be made here" in sentence]
    assert named == ["control groups of the kind memory cannot be made here: Not a directory"]


def test_hierarchy_that_refuses_its_limits_keeps_no_group(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()  # whose groups have no files to write limits to
    (tmp_path / "mounts").write_text(f"cgroup {tmp_path}/memory cgroup rw,memory 0 0\n")
    cgroups = Cgroups("abc", str(tmp_path / "mounts"))
    assert cgroups.ensure("s1", memory_mb=64, vcpus=1) == []
    assert list((tmp_path / "memory").iterdir()) == []


@pytest.mark.kernel
def test_real_hierarchies_take_limits_up_and_down_and_are_left_clean() -> None:
    cgroups = Cgroups("test-limits")
    try:
        for memory, vcpus in ((64, 1), (256, 2), (32, 1)):
            joined = cgroups.ensure("s1", memory_mb=memory, vcpus=vcpus)
            limits = [
                path for one in joined for path in Path(one).glob("memory.*") if path.name in LIMIT_FILES
            ]
            assert [path.read_text().strip() for path in limits] == [str(memory << 20)]
    finally:
        cgroups.purge()
    assert cgroups.groups() == []


LIMIT_FILES = ("memory.limit_in_bytes", "memory.max")
