# SPDX-License-Identifier: Apache-2.0
"""The steps of each operation. Each may be cut off anywhere and done again from its beginning."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select, update

from samovar.cloud.compute.hosts import Host, HostError
from samovar.cloud.compute.images import HostImages
from samovar.cloud.compute.metadata.facts import gather
from samovar.cloud.compute.metadata.listeners import Listeners
from samovar.cloud.compute.networks import Ports
from samovar.cloud.compute.operations import Operation, finish_action
from samovar.cloud.compute.server import (
    NO_STATE,
    PAUSED,
    RUNNING,
    SHUTDOWN,
    SUSPENDED,
    Interface,
    Server,
    find_server,
    interfaces_of,
)
from samovar.cloud.compute.tables import groups, nodes, servers
from samovar.cloud.host.reports import ServerStatus
from samovar.database import Database, utcnow

from .failures import Failure, passing
from .hold import Hold
from .specs import server_spec
from .wiring import Wiring

Step = Callable[[Hold, Server, Operation], Awaitable[None]]
STOP_SECONDS = 10.0
WIRING_SECONDS = 30.0


class Steps:
    """`node`: the name of the host whose agent `host` speaks to."""

    def __init__(
        self,
        database: Database,
        ports: Ports,
        wiring: Wiring,
        host: Host,
        images: HostImages,
        listeners: Listeners,
        node: str,
    ) -> None:
        self._database = database
        self._ports = ports
        self._wiring = wiring
        self._host = host
        self._images = images
        self._listeners = listeners
        self._node = node
        self._steps: dict[str, Step] = {
            "create": self.create,
            "start": self.start,
            "stop": self.stop,
            "reboot": self.reboot,
            "rebuild": self.rebuild,
            "pause": self.pause,
            "unpause": self.unpause,
            "suspend": self.suspend,
            "resume": self.unpause,
            "resize": self.resize,
            "confirm": self.confirm,
            "revert": self.revert,
            "restore": self.restore,
            "snapshot": self.snapshot,
            "delete": self.delete,
        }

    async def run(self, hold: Hold, server: Server, operation: Operation) -> None:
        """Do the operation to its end. Raises Failure, CloudError, HostError, Superseded, LeaseLost."""
        await self._steps[operation.name](hold, server, operation)

    async def create(self, hold: Hold, server: Server, operation: Operation) -> None:
        await self._place(hold, server)
        image = await self._image(server)
        await self._connect(server)
        await hold.set(task_state="spawning")
        await self._boot(server, image)
        await hold.finish(operation, {**_launched(), **_running()})

    async def start(self, hold: Hold, server: Server, operation: Operation) -> None:
        await self._up(server)
        await hold.finish(operation, _running())

    async def restore(self, hold: Hold, server: Server, operation: Operation) -> None:
        """A server that should run and does not, for instance since the machine was restarted."""
        await self._up(server)
        await hold.finish(operation, {**_running(), "fault": None})

    async def stop(self, hold: Hold, server: Server, operation: Operation) -> None:
        try:
            await self._host.stop_server(server.id, STOP_SECONDS)
        except HostError as error:
            if error.code != "missing":
                raise
        await hold.finish(operation, {"vm_state": "stopped", "power_state": SHUTDOWN})

    async def reboot(self, hold: Hold, server: Server, operation: Operation) -> None:
        """A hard reboot also mends a server in ERROR, one whose creation failed included."""
        hard = bool(operation.arguments.get("hard"))
        if server.vm_state == "error":
            await self._place(hold, server)
            await self._connect(server)
        else:
            await self._wired(server)
        try:
            await self._host.reboot_server(server.id, hard=hard)
        except HostError as error:
            if error.code != "missing":
                raise
            await self._boot(server, await self._image(server))
        launched = {} if server.launched_at else _launched()
        await hold.finish(operation, {**_running(), "fault": None, **launched})

    async def rebuild(self, hold: Hold, server: Server, operation: Operation) -> None:
        running = server.vm_state != "stopped"
        if server.launched_at is None:
            await self._place(hold, server)
            await self._connect(server)
        image = await self._image(server)
        await hold.set(task_state="rebuild_spawning")
        spec = server_spec(await gather(self._database, self._ports, server), image, running=running)
        try:
            await self._host.rebuild_server(spec)
        except HostError as error:
            if error.code != "missing":
                raise
            await self._host.ensure_server(spec)
        state = _running() if running else {"vm_state": "stopped", "power_state": SHUTDOWN}
        await hold.finish(operation, {**_launched(), **state})

    async def pause(self, hold: Hold, server: Server, operation: Operation) -> None:
        await self._host.pause_server(server.id)
        await hold.finish(operation, {"vm_state": "paused", "power_state": PAUSED})

    async def suspend(self, hold: Hold, server: Server, operation: Operation) -> None:
        """The memory stays where it is: a container is frozen, not written to disk."""
        await self._host.pause_server(server.id)
        await hold.finish(operation, {"vm_state": "suspended", "power_state": SUSPENDED})

    async def unpause(self, hold: Hold, server: Server, operation: Operation) -> None:
        await self._host.unpause_server(server.id)
        await hold.finish(operation, _running())

    async def resize(self, hold: Hold, server: Server, operation: Operation) -> None:
        """New limits apply at once, without a restart; the old flavor is kept until this is confirmed."""
        wanted = operation.arguments
        previous = {"flavor": server.flavor, "flavor_id": server.flavor_id, "vm_state": server.vm_state}
        await self._give(server, wanted["flavor"])
        values = {"flavor": wanted["flavor"], "flavor_id": wanted["flavor_id"], "previous": previous}
        await hold.finish(operation, {**values, "vm_state": "resized"})

    async def confirm(self, hold: Hold, server: Server, operation: Operation) -> None:
        state = (server.previous or {}).get("vm_state", "active")
        await hold.finish(operation, {"vm_state": state, "previous": None})

    async def revert(self, hold: Hold, server: Server, operation: Operation) -> None:
        previous = server.previous or {}
        await self._give(server, previous["flavor"])
        values: dict[str, Any] = {key: previous[key] for key in ("flavor", "flavor_id", "vm_state")}
        await hold.finish(operation, {**values, "previous": None})

    async def snapshot(self, hold: Hold, server: Server, operation: Operation) -> None:
        """Fill the image that the request has made; one that comes to nothing is removed again."""
        image = str(operation.arguments["image_id"])
        status = await self._images.status(image)
        if status not in ("queued", "saving", "active"):
            raise Failure(f"The image {image} is {status}: it cannot be filled.")
        if status != "active":
            await hold.set(task_state="image_uploading")
            try:
                await self._images.store(server.id, image)
            except Exception as error:
                if not passing(error):
                    await self._images.drop(image)
                raise
        await hold.finish(operation, {})

    async def delete(self, hold: Hold, server: Server, operation: Operation) -> None:
        await self._host.remove_server(server.id)
        held = await self._database.read(lambda c: interfaces_of(c, server.id))
        await self._wiring.release_all(server)
        now = utcnow()
        values: dict[str, Any] = {
            "vm_state": "deleted",
            "task_state": None,
            "power_state": NO_STATE,
            "operation": None,
            "deleted": True,
            "terminated_at": now,
            "updated_at": now,
            "addresses": {},
            "admin_password": None,
        }

        def change(connection: Connection) -> None:
            connection.execute(update(servers).where(servers.c.id == server.id).values(values))
            finish_action(connection, operation.action_id)

        await hold.write(change)
        await self._listeners.close_unused({interface.network_id for interface in held})

    # ── parts of steps ──

    async def _place(self, hold: Hold, server: Server) -> None:
        """Choose the host: there is one, so only say whether it will do. Raises Failure."""
        if server.host is None:
            await hold.write(lambda c: _claim_host(c, server, self._node))

    async def _image(self, server: Server) -> str:
        if server.image_id is None:
            raise Failure("The server has no image to start from.")
        return await self._images.ready(server.image_id)

    async def _connect(self, server: Server) -> None:
        """Ports made, bound and carrying traffic, and the metadata service listening beside them."""
        await self._plugged(server, await self._wiring.connect(server))

    async def _wired(self, server: Server) -> None:
        await self._plugged(server, await self._database.read(lambda c: interfaces_of(c, server.id)))

    async def _plugged(self, server: Server, found: Sequence[Interface]) -> None:
        if found:
            await self._wiring.ready(server.id, [interface.port_id for interface in found])
        for network_id in dict.fromkeys(interface.network_id for interface in found):
            await self._listeners.open(network_id, WIRING_SECONDS)

    async def _up(self, server: Server) -> None:
        image = await self._image(server)
        await self._wired(server)
        await self._boot(server, image)

    async def _boot(self, server: Server, image: str) -> ServerStatus:
        fresh = await self._database.read(lambda c: find_server(c, server.id)) or server
        facts = await gather(self._database, self._ports, fresh)
        status = await self._host.ensure_server(server_spec(facts, image))
        if status.state == "failed":
            raise Failure(status.error or "The server's first process ended at once.")
        return status

    async def _give(self, server: Server, flavor: dict[str, Any]) -> None:
        """Memory and processors of a flavor."""
        image = await self._image(server)
        facts = await gather(self._database, self._ports, server)
        spec = server_spec(facts, image, running=server.power_state == RUNNING)
        await self._host.resize_server(
            msgspec.structs.replace(
                spec, memory_mb=flavor["ram"], vcpus=flavor["vcpus"], disk_gb=flavor["disk"]
            )
        )


def _running() -> dict[str, Any]:
    return {"vm_state": "active", "power_state": RUNNING}


def _launched() -> dict[str, Any]:
    """A first start has gone well: the password is in the server now and nowhere else."""
    return {"launched_at": utcnow(), "progress": 100, "fault": None, "admin_password": None}


def _claim_host(connection: Connection, server: Server, node: str) -> None:
    """Place the server on the node, where its group and the node's state allow it. Raises Failure."""
    disabled = connection.execute(
        select(nodes.c.disabled_reason).where(nodes.c.host == node, nodes.c.disabled)
    ).first()
    if disabled is not None:
        reason = f": {disabled[0]}" if disabled[0] else ""
        raise Failure(
            f"No valid host was found. The compute service on {node} is disabled{reason}.",
            details="Enable it with: openstack compute service set --enable",
        )
    if server.group_id is not None:
        group = connection.execute(select(groups).where(groups.c.id == server.group_id)).mappings().first()
        if group is not None and group["policy"] == "anti-affinity":
            most = group["rules"].get("max_server_per_host", 1)
            where = (
                servers.c.group_id == server.group_id,
                servers.c.host == node,
                servers.c.deleted.is_(False),
            )
            there = int(connection.execute(select(func.count()).where(*where)).scalar_one())
            if there >= most:
                raise Failure(
                    "No valid host was found. There are not enough hosts available: the server group "
                    f"{group['name']!r} wants its servers apart, and this cloud has one host.",
                    details="Choose the policy soft-anti-affinity to let them share it.",
                )
    connection.execute(
        update(servers).where(servers.c.id == server.id).values(host=node, task_state="networking")
    )
