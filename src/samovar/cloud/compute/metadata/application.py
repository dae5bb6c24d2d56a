# SPDX-License-Identifier: Apache-2.0
"""The metadata service of one network: who asks is known by the address it asks from.

Paths that are not metadata go to the root application, so that servers reach the orchestration API
(wait conditions, software deployments) from a network without a router.
"""

from __future__ import annotations

import re

from sqlalchemy import Connection, Text, select, type_coerce
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from samovar.cloud.compute.networks import Ports
from samovar.cloud.compute.server import Server, find_server
from samovar.cloud.compute.tables import interfaces
from samovar.database import Database

from .documents import Facts, ec2_tree, meta_data, network_data, walk
from .facts import gather
from .userdata import decoded

EC2_VERSIONS = (
    "1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01",
    "2008-09-01", "2009-04-04",
)  # fmt: skip
OPENSTACK_VERSIONS = (
    "2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15", "2016-06-30", "2016-10-06", "2017-02-22",
    "2018-08-27", "2020-10-14",
)  # fmt: skip
WITH_NETWORK = "2015-10-15"
OURS = re.compile(r"^/(openstack|latest|1\.0|\d{4}-\d\d-\d\d)?(/|$)")


class MetadataService:
    """`root`: answers every path that is not metadata; None: those are not found."""

    def __init__(self, database: Database, ports: Ports, root: ASGIApp | None) -> None:
        self._database = database
        self._ports = ports
        self._root = root

    def application(self, network_id: str) -> ASGIApp:
        """The ASGI application for the listener in this network."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return
            if self._root is not None and not OURS.match(scope["path"]):
                await self._root(scope, receive, send)
                return
            response = await self._answer(network_id, Request(scope, receive))
            await response(scope, receive, send)

        return serve

    async def _answer(self, network_id: str, request: Request) -> Response:
        steps = [step for step in request.url.path.split("/") if step]
        if request.method not in ("GET", "HEAD"):
            return _words(f"{request.method} is not offered by the metadata service.", 405)
        if not steps:
            return _words("\n".join((*EC2_VERSIONS, "latest")))
        address = request.client.host if request.client else ""
        server = await self._database.read(lambda c: server_at(c, network_id, address))
        if server is None:
            return _words(f"No server has the address {address} in this network.", 404)
        if steps[0] == "openstack":
            return await self._openstack(server, steps[1:])
        return await self._ec2(server, steps)

    async def _openstack(self, server: Server, steps: list[str]) -> Response:
        if not steps:
            return _words("\n".join((*OPENSTACK_VERSIONS, "latest")))
        version, name = steps[0], "/".join(steps[1:])
        if version not in (*OPENSTACK_VERSIONS, "latest"):
            return _missing()
        newer = version == "latest" or version >= WITH_NETWORK
        if not name:
            names = ["meta_data.json", "password", "vendor_data.json"]
            names += ["network_data.json", "vendor_data2.json"] if newer else []
            names += ["user_data"] if server.user_data else []
            return _words("\n".join(sorted(names)))
        if name == "meta_data.json":
            return JSONResponse(meta_data(await self._facts(server)))
        if name == "network_data.json" and newer:
            return JSONResponse(network_data(await self._facts(server)))
        if name in ("vendor_data.json", "vendor_data2.json"):
            return JSONResponse({})
        if name == "password":
            return _words("")
        if name == "user_data" and server.user_data:
            return Response(decoded(server.user_data), media_type="application/octet-stream")
        return _missing()

    async def _ec2(self, server: Server, steps: list[str]) -> Response:
        if steps[0] not in (*EC2_VERSIONS, "latest"):
            return _missing()
        if len(steps) == 1:
            return _words("meta-data/" + ("\nuser-data" if server.user_data else ""))
        if steps[1:] == ["user-data"] and server.user_data:
            return Response(decoded(server.user_data), media_type="application/octet-stream")
        if steps[1] != "meta-data":
            return _missing()
        facts = await self._facts(server)
        floating = await self._ports.floating([nic.port_id for nic in facts.interfaces])
        public = next((address for found in floating.values() for address in found), "")
        value = walk(ec2_tree(facts, public), steps[2:])
        return _missing() if value is None else _words(value)

    async def _facts(self, server: Server) -> Facts:
        return await gather(self._database, self._ports, server)


def server_at(connection: Connection, network_id: str, address: str) -> Server | None:
    """The server with this address in this network."""
    place = address.removeprefix("::ffff:")
    text = type_coerce(interfaces.c.addresses, Text)
    where = (interfaces.c.network_id == network_id, text.contains(f'"{place}"', autoescape=True))
    server_id = connection.execute(select(interfaces.c.server_id).where(*where)).scalar()
    return None if server_id is None else find_server(connection, server_id)


def _words(text: str, status: int = 200) -> Response:
    return PlainTextResponse(text, status)


def _missing() -> Response:
    return _words("There is nothing of this name.", 404)
