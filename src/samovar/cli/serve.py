# SPDX-License-Identifier: Apache-2.0
"""samovar serve: run services in the foreground until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import dataclasses

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
    from samovar.runtime import SERVICES, StartError, serve

    state = StateDirectory(options.state_dir)
    state.make()
    wanted = set(SERVICES) if "all" in options.services else set(options.services)
    unknown = wanted - set(SERVICES)
    if unknown:
        raise CommandError(
            f"no such service: {', '.join(sorted(unknown))}; there are {', '.join(SERVICES)}, all"
        )
    try:
        serve(settings(options), wanted, ready=state.record, agent_socket=state.agent_socket)
    except StartError as error:
        raise CommandError(str(error)) from error
    finally:
        running = state.running()
        if running is not None and wanted == set(SERVICES):
            state.forget()
    return 0
