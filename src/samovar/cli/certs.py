# SPDX-License-Identifier: Apache-2.0
"""samovar certs: the two authorities between load balancing's controllers and amphorae."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .main import CommandError
from .serve import settings
from .session import service_cloud
from .state_directory import StateDirectory

CONFIGURATION = """\
[certificates]
ca_certificate = {directory}/server_ca.cert.pem
ca_private_key = {directory}/server_ca.key.pem

[controller_worker]
client_ca = {directory}/client_ca.cert.pem

[haproxy_amphora]
server_ca = {directory}/server_ca.cert.pem
client_cert = {directory}/client.cert-and-key.pem
"""


def run(options: argparse.Namespace) -> int:
    from samovar.loadbalancer.authorities import AuthorityError

    try:
        if options.action == "create":
            return _create(options)
        if options.action == "rotate":
            return asyncio.run(_rotate(options))
        return _show(options)
    except AuthorityError as error:
        raise CommandError(str(error)) from error


def _create(options: argparse.Namespace) -> int:
    """Everything that is not there yet, and what a configuration says to use it elsewhere."""
    from samovar.loadbalancer.authorities import Store

    directory = (options.output or _directory(options)).absolute()
    Store(directory).make()
    configuration = CONFIGURATION.format(directory=directory)
    if options.json:
        print(json.dumps({"directory": str(directory), "configuration": configuration}))
    else:
        print(
            f"The certificates are in {directory}. A controller elsewhere finds them by:\n\n{configuration}"
        )
    return 0


def _directory(options: argparse.Namespace) -> Path:
    state = StateDirectory(options.state_dir)
    state.make()
    return settings(options).state_dir / "loadbalancer"


def _show(options: argparse.Namespace) -> int:
    found = list(_certificates(options))
    if options.json:
        print(json.dumps(found))
        return 0
    if not found:
        print(
            "There are no certificates yet. They are made with the first load balancer, "
            "or by 'samovar certs create'."
        )
    for one in found:
        print(f"{one['name']:<50} until {one['until']}  ({one['days']} days)  {one['fingerprint'][:23]}")
    return 0


def _certificates(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """All that are in files, then what amphorae were given."""
    from sqlalchemy import select

    from samovar.database import Database
    from samovar.loadbalancer.authorities import CERTIFICATES, CLIENT
    from samovar.loadbalancer.tables import amphorae

    given = settings(options)
    own = given.amphora
    places = {
        "server authority": Path(own.ca_certificate or given.state_dir / "loadbalancer" / CERTIFICATES[0]),
        "client authority": Path(own.client_ca or given.state_dir / "loadbalancer" / CERTIFICATES[1]),
        "controller": Path(own.client_cert or given.state_dir / "loadbalancer" / CLIENT),
    }
    for name, path in places.items():
        if path.exists():
            yield from _of_file(name, path)
    database = Database(given.database_url)
    try:
        query = select(amphorae.c.id, amphorae.c.cert_expiration).where(
            amphorae.c.cert_expiration.is_not(None)
        )
        rows = asyncio.run(database.read(lambda c: c.execute(query).all()))
    except Exception:  # no database yet
        rows = []
    finally:
        database.close_now()
    for identity, until in rows:
        yield _entry(f"amphora {identity}", until, "")


def _of_file(name: str, path: Path) -> Iterator[dict[str, Any]]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} holds no certificate that can be read: {error}") from error
    for number, one in enumerate(found):
        fingerprint = one.fingerprint(hashes.SHA256()).hex(":")
        words = name if not number else f"{name}, the former"
        yield {**_entry(words, one.not_valid_after_utc, fingerprint), "file": str(path)}


def _entry(name: str, until: datetime.datetime, fingerprint: str) -> dict[str, Any]:
    days = (until - datetime.datetime.now(datetime.UTC)).days
    return {"name": name, "until": f"{until:%Y-%m-%d %H:%M}", "days": days, "fingerprint": fingerprint}


async def _rotate(options: argparse.Namespace) -> int:
    """Renew the controllers' certificate and those of all amphorae; with --authority the signer first."""
    from samovar.database import Database
    from samovar.loadbalancer.authorities import CLIENT_CA, SERVER_CA, Authority, Store
    from samovar.loadbalancer.deployment import Deployment
    from samovar.loadbalancer.housekeeping import Service
    from samovar.loadbalancer.worker import Parts
    from samovar.messaging import LocalBus

    state, given = StateDirectory(options.state_dir), settings(options)
    running = state.running()
    if running is None:
        raise CommandError("the cloud does not run, and amphorae are told by it: start it with 'samovar up'")
    own = service_cloud(state, running, "octavia")
    authority = {"server": SERVER_CA, "client": CLIENT_CA}.get(options.authority or "")
    database = Database(given.database_url)
    store: Store = Parts.of(given, own, Deployment(database)).store
    if authority is not None and database.url.get_backend_name() != "sqlite":
        raise CommandError(
            "several machines share these authorities: make others with 'samovar certs create --output DIR', "
            "and name them in every machine's configuration"
        )
    keeper = Service(database, LocalBus(), given, own)
    try:
        if authority is not None:
            store.replace_authority(authority)
        if authority != CLIENT_CA:
            store.renew_client()
        result = await keeper.rotate(everything=True)
        if authority == CLIENT_CA and not result.failed:
            store.renew_client()  # amphorae believe both authorities by now
            Authority.forget_former(store.directory, CLIENT_CA)
            result = await keeper.rotate(everything=True)
        elif authority == SERVER_CA and not result.failed:
            Authority.forget_former(store.directory, SERVER_CA)
    finally:
        await keeper.stop()
        await own.transport.close()
        await database.close()
    if options.json:
        print(json.dumps({"renewed": result.renewed, "failed": result.failed}))
    else:
        many = "1 amphora has" if result.renewed == 1 else f"{result.renewed} amphorae have"
        print(f"{many} another certificate; nothing was interrupted.")
        for identity, reason in result.failed.items():
            print(f"amphora {identity} has not: {reason}")
    return 1 if result.failed else 0
