# SPDX-License-Identifier: Apache-2.0
"""samovar galera-check: tells proxies whether this database node may be used."""

from __future__ import annotations

import argparse
import asyncio
import signal

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from .main import CommandError
from .serve import settings


def run(options: argparse.Namespace) -> int:
    from samovar.config import OptionsError
    from samovar.observability import begin_logging

    loaded = settings(options)
    try:
        begin_logging(loaded.observability, "galera-check")
        url = make_url(options.connection or loaded.database_url)
    except (OptionsError, ArgumentError) as error:
        raise CommandError(str(error)) from error
    if url.get_backend_name() not in ("mysql", "mariadb"):
        raise CommandError("galera-check asks a MariaDB or MySQL node; name it with --connection")
    try:
        asyncio.run(_serve(options, url.render_as_string(hide_password=False)))
    except OSError as error:
        raise CommandError(
            f"cannot listen on {options.bind_host} port {options.bind_port}: {error.strerror}"
        ) from error
    return 0


async def _serve(options: argparse.Namespace, url: str) -> None:
    from samovar.deploy import GaleraCheck

    check = GaleraCheck(url, donor=options.available_when_donor, read_only=options.available_when_readonly)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    host, port = await check.start(options.bind_host, options.bind_port)
    print(f"answering for the database node at {host}:{port}", flush=True)
    await stopping.wait()
    await check.stop()
