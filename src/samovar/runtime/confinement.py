# SPDX-License-Identifier: Apache-2.0
"""What listens to the network gives up what it does not need.

Started by root, the program keeps root's name but none of its powers: no capability, no way to get one
back by executing something, and (Landlock, where the kernel has it) no writing outside of the state
directory. Only the host agent, behind its socket, stays privileged. Call `confine` before any
thread is started: capabilities belong to threads.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 23, 24, 38
CAPABILITY_VERSION_3 = 0x20080522
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULE_PATH_BENEATH = 1
# linux/landlock.h: the rights of ABI 1 that change something (write, remove, make), and what later ABIs
# added: moving between folders (2), truncating (3).
WRITE_FILE, REFER, TRUNCATE = 1 << 1, 1 << 13, 1 << 14
WRITES = WRITE_FILE | sum(1 << bit for bit in range(4, 13))
RULESET_VERSION = 1


def confine(writable: Iterable[Path]) -> list[str]:
    """Give up capabilities and writing outside `writable`; return what this kernel could not do, in words."""
    lacking = []
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl no_new_privs")
    with contextlib.suppress(OSError):
        capability = 0
        while libc.prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0:
            _check(libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), "prctl capability bounding set")
            capability += 1
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    _check(libc.capset(header, bytes(24)), "capset")
    try:
        _restrict_writing(libc, [*writable, Path("/dev"), Path("/proc/self")])
    except OSError as error:
        lacking.append(f"writing is not confined to the state directory: {error.strerror} (Landlock)")
    return lacking


def _restrict_writing(libc: ctypes.CDLL, places: Iterable[Path]) -> None:
    version = libc.syscall(CREATE_RULESET, None, 0, RULESET_VERSION)
    if version < 2:
        # Without REFER files could not be moved between folders at all.
        raise OSError(0, "this kernel's version of it cannot move files between folders")
    on_files = WRITE_FILE | (TRUNCATE if version >= 3 else 0)
    handled = WRITES | REFER | on_files
    rules = libc.syscall(CREATE_RULESET, struct.pack("=Q", handled), 8, 0)
    _check(rules, "landlock_create_ruleset")
    try:
        for place in places:
            if not place.exists():
                continue
            beneath = os.open(place, os.O_PATH | os.O_CLOEXEC)
            try:
                rights = handled if place.is_dir() else on_files
                attributes = struct.pack("=Qi", rights, beneath)
                _check(libc.syscall(ADD_RULE, rules, RULE_PATH_BENEATH, attributes, 0), "landlock_add_rule")
            finally:
                os.close(beneath)
        _check(libc.syscall(RESTRICT_SELF, rules, 0), "landlock_restrict_self")
    finally:
        os.close(rules)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
