# SPDX-License-Identifier: Apache-2.0
"""samovar down: stop the cloud and leave the machine as it was."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil

from samovar.runtime import remove_from_machine

from . import clouds_file, daemon
from .main import CommandError
from .state_directory import StateDirectory


def run(options: argparse.Namespace) -> int:
    state = StateDirectory(options.state_dir)
    if not state.exists():
        _say(options, "There is no cloud here.", stopped=False, purged=False)
        return 0
    state.make()
    with state.lock():
        running = state.running()
        if running is not None:
            daemon.stop(running)
        left = asyncio.run(remove_from_machine(state.path, state.agent_socket))
        if left:
            raise CommandError("these could not be removed: " + ", ".join(left))
        state.forget()
        if options.purge:
            clouds_file.remove(clouds_file.default_path(), ["samovar", "samovar-admin"])
            _empty(state)
    if options.purge:
        shutil.rmtree(state.path, ignore_errors=True)
        if state.exists():
            raise CommandError(f"something in {state.path} could not be removed")
        _say(options, "The cloud is stopped and everything it kept is removed.", stopped=True, purged=True)
    else:
        text = "The cloud is stopped." if running else "The cloud was not running."
        _say(
            options,
            f"{text} Its state is kept in {state.path}; 'samovar up' brings it back.",
            stopped=bool(running),
        )
    return 0


def _empty(state: StateDirectory) -> None:
    """Remove all but the lock that is held."""
    for entry in state.path.iterdir():
        if entry.name == "run":
            continue
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def _say(options: argparse.Namespace, text: str, **facts: bool) -> None:
    print(json.dumps(facts) if options.json else text)
