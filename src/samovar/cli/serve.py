# SPDX-License-Identifier: Apache-2.0
"""samovar serve: run services in the foreground until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import gc
from pathlib import Path

from samovar.config import OptionsError, Settings, load

from .main import CommandError
from .state_directory import StateDirectory


def settings(options: argparse.Namespace) -> Settings:
    """The settings that the files and the command line give together. Raises CommandError."""
    try:
        loaded = load(options.state_dir, options.config_file)
    except OptionsError as error:
        raise CommandError(str(error)) from error
    if getattr(options, "port", None):
        loaded = dataclasses.replace(loaded, api=dataclasses.replace(loaded.api, bind_port=options.port))
    if getattr(options, "external_cidr", None):
        network = dataclasses.replace(loaded.network, external_cidr=options.external_cidr)
        loaded = dataclasses.replace(loaded, network=network)
    return loaded


def run(options: argparse.Namespace) -> int:
    gc.disable()  # until the services are ready: what they are made of stays
    from samovar.runtime import FIELD_NAMES, SERVICES, StartError, serve

    state = StateDirectory(options.state_dir)
    state.make()
    asked = {FIELD_NAMES.get(name, name) for name in options.services}
    whole = "all" in asked
    wanted = set(SERVICES) if whole else asked
    unknown = wanted - set(SERVICES)
    if unknown:
        raise CommandError(
            f"no such service: {', '.join(sorted(unknown))}; there are {', '.join(SERVICES)}, all "
            f"(and their usual names: {', '.join(FIELD_NAMES)})"
        )
    if len(options.services) == 1 and not whole:
        with contextlib.suppress(OSError):  # ps shows it by this name, pkill finds it
            Path("/proc/self/comm").write_text(options.services[0])
    whole = wanted == set(SERVICES)
    shared = whole or bool(getattr(options, "port", None))
    try:
        serve(
            settings(options),
            wanted,
            shared=shared,
            ready=state.record if whole else lambda _: None,
            agent_socket=state.agent_socket,
            health_socket=state.health_socket(wanted if not whole else {"all"}),
        )
    except StartError as error:
        raise CommandError(str(error)) from error
    finally:
        if whole and state.running() is not None:
            state.forget()
    return 0
