# SPDX-License-Identifier: Apache-2.0
"""POST /servers/{id}/action: a table of actions, and one function for each that needs more than its row."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy import Connection, select, update

from samovar.clients import CloudError
from samovar.cloud.compute import flavors, operations, quota
from samovar.cloud.compute.clouds import Clouds, as_fault
from samovar.cloud.compute.faults import ServerNotFound, WrongState, refuse_unknown
from samovar.cloud.compute.hosts import Host, HostError
from samovar.cloud.compute.images import usable_image
from samovar.cloud.compute.microversions import Version
from samovar.cloud.compute.networks import Ports, resolve_groups
from samovar.cloud.compute.operations import TOPIC, Asker
from samovar.cloud.compute.server import Server, find_server
from samovar.cloud.compute.tables import keypairs, servers
from samovar.database import Database, utcnow
from samovar.messaging import Bus
from samovar.web import BadRequest, Call, Conflict, NotFound, NotSupported, Reply

from . import fields
from .routes import Routes
from .servers import MAX_BODY, RULE, ServersApi

Action = Callable[[Call, Version, Server, Any], Awaitable[Any]]
SIMPLE = ("os-start", "os-stop", "pause", "unpause", "suspend", "resume", "revertResize")
NO_CONSOLE = (
    "A server of this cloud is a container without a screen: there is no graphical or serial console. "
    "Read its output with os-getConsoleOutput (openstack console log show)."
)
ONE_HOST = "This cloud has one host: a server cannot be moved."
REFUSALS: Mapping[str, str] = {
    "os-getVNCConsole": NO_CONSOLE,
    "os-getSPICEConsole": NO_CONSOLE,
    "os-getRDPConsole": NO_CONSOLE,
    "os-getSerialConsole": NO_CONSOLE,
    "shelve": "Shelving is not offered: stop the server instead (os-stop); it then takes no memory.",
    "unshelve": "Shelving is not offered, so there is nothing to unshelve.",
    "shelveOffload": "Shelving is not offered: stop the server instead (os-stop).",
    "rescue": "Rescue is not offered: a container has no boot disk to rescue. Rebuild the server instead.",
    "unrescue": "Rescue is not offered, so there is nothing to end.",
    "migrate": ONE_HOST,
    "os-migrateLive": ONE_HOST,
    "evacuate": ONE_HOST,
    "createBackup": "Backups by rotation are not offered; make an image with createImage.",
    "trigger_crash_dump": "A container has no kernel of its own to dump.",
    "changePassword": (
        "A password cannot be set from outside into a running server; use key pairs, "
        "or rebuild with adminPass."
    ),
}


class ActionsApi:
    def __init__(
        self,
        database: Database,
        bus: Bus,
        clouds: Clouds,
        ports: Ports,
        host: Host | None,
        servers_api: ServersApi,
    ) -> None:
        self._database = database
        self._bus = bus
        self._clouds = clouds
        self._ports = ports
        self._host = host
        self._servers = servers_api
        self._actions: dict[str, Action] = {
            "reboot": self._reboot,
            "rebuild": self._rebuild,
            "resize": self._resize,
            "confirmResize": self._confirm,
            "lock": self._lock,
            "unlock": self._unlock,
            "addSecurityGroup": self._add_group,
            "removeSecurityGroup": self._remove_group,
            "createImage": self._create_image,
            "os-getConsoleOutput": self._console,
            "forceDelete": self._force_delete,
            "os-resetState": self._reset_state,
            "restore": self._restore,
        }

    def add(self, routes: Routes) -> None:
        routes.add("POST", "/servers/{id}/action", self.act, max_body=MAX_BODY)
        routes.add("POST", "/servers/{id}/remote-consoles", self.no_console, since=(2, 6))

    async def act(self, call: Call, version: Version) -> Any:
        action, arguments = fields.action_body(call)
        server = await self._servers.find(call, RULE + "action")
        if action in SIMPLE:
            return await self._begin(call, server, action)
        if action in self._actions:
            return await self._actions[action](call, version, server, arguments)
        if action in REFUSALS:
            raise NotSupported(REFUSALS[action])
        raise BadRequest(f"There is no such action: {action}.")

    async def no_console(self, call: Call, version: Version) -> Any:
        await self._servers.find(call, RULE + "action")
        raise NotSupported(NO_CONSOLE)

    async def _begin(
        self,
        call: Call,
        server: Server,
        wanted: str,
        *,
        arguments: Mapping[str, Any] | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Reply:
        asker = Asker.of(call.context, call.request_id)
        await self._database.write(
            lambda c: operations.begin(c, server.id, wanted, asker, arguments=arguments, changes=changes)
        )
        await self._bus.ring(TOPIC, server.id)
        return Reply(202)

    async def _reboot(self, call: Call, version: Version, server: Server, arguments: Any) -> Any:
        kind = arguments.get("type") if isinstance(arguments, dict) else None
        if str(kind).upper() not in ("SOFT", "HARD"):
            raise BadRequest("Invalid input for field/attribute type. A reboot is SOFT or HARD.")
        wanted = str(kind).lower()
        return await self._begin(call, server, wanted, arguments={"hard": wanted == "hard"})

    async def _rebuild(self, call: Call, version: Version, server: Server, arguments: Any) -> Any:
        if not isinstance(arguments, dict) or not isinstance(arguments.get("imageRef"), str):
            raise BadRequest("Invalid input for rebuild: 'imageRef' is a required property.")
        changes = await self._rebuild_changes(call, version, server, arguments)
        await self._begin(call, server, "rebuild", changes=changes)
        fresh = await self._database.read(lambda c: find_server(c, server.id))
        if fresh is None:
            raise ServerNotFound(server.id)
        shown = await self._servers.view(fresh, call, version)
        if version >= (2, 57):
            shown["user_data"] = fresh.user_data
        if arguments.get("adminPass"):
            shown["adminPass"] = arguments["adminPass"]
        return Reply(202, {"server": shown}, {"location": f"{call.base_url}/v2.1/servers/{server.id}"})

    async def _rebuild_changes(
        self, call: Call, version: Version, server: Server, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        known = {"imageRef", "adminPass", "name", "metadata", "preserve_ephemeral", "OS-DCF:diskConfig",
                 "accessIPv4", "accessIPv6"}  # fmt: skip
        later = {"description": (2, 19), "key_name": (2, 54), "user_data": (2, 57), "hostname": (2, 90),
                 "trusted_image_certificates": (2, 63)}  # fmt: skip
        refuse_unknown(body, known | {k for k, since in later.items() if version >= since}, "rebuild")
        image = body["imageRef"].rstrip("/").rsplit("/", 1)[-1]
        try:
            await usable_image(self._clouds.caller(call.context.token), image, server.flavor)
        except CloudError as error:
            raise as_fault(error) from error
        changes: dict[str, Any] = {"image_id": image, "fault": None}
        if "name" in body:
            changes["name"] = fields.name(body)
        if "metadata" in body:
            changes["properties"] = fields.properties(body["metadata"])
        if "description" in body:
            changes["description"] = fields.text(body, "description")
        if "user_data" in body:
            changes["user_data"] = fields.user_data(body)
        if "adminPass" in body:
            changes["admin_password"] = fields.text(body, "adminPass")
        if body.get("hostname"):
            changes["hostname"] = fields.hostname(body, domains=version >= (2, 94))
        if "key_name" in body:
            changes["key_name"] = fields.text(body, "key_name")
            changes["public_key"] = await self._key(server.user_id, changes["key_name"])
        for key, column in (("accessIPv4", "access_ipv4"), ("accessIPv6", "access_ipv6")):
            if key in body:
                changes[column] = fields.text(body, key) or ""
        return changes

    async def _key(self, user: str, name: str | None) -> str | None:
        if name is None:
            return None
        query = select(keypairs.c.public_key).where(keypairs.c.user_id == user, keypairs.c.name == name)
        key = await self._database.read(lambda c: c.execute(query).scalar())
        if key is None:
            raise BadRequest(f"Invalid key_name provided: the server's user has no keypair {name!r}.")
        return str(key)

    async def _resize(self, call: Call, version: Version, server: Server, arguments: Any) -> Any:
        reference = arguments.get("flavorRef") if isinstance(arguments, dict) else None
        if not isinstance(reference, (str, int)) or not str(reference):
            raise BadRequest("Invalid input for resize: 'flavorRef' is a required property.")
        context = call.context
        try:
            flavor = await self._database.read(
                lambda c: flavors.find_flavor(c, str(reference), context.project_id, context.is_admin)
            )
        except NotFound as error:
            raise BadRequest(f"Flavor with flavorRef {reference} could not be found.") from error
        if flavor["id"] == server.flavor_id:
            raise BadRequest("When resizing, instances must change flavor!")
        if server.flavor["disk"] and flavor["disk"] < server.flavor["disk"]:
            raise BadRequest("Resize to a flavor with a smaller disk is not possible.")
        asker = Asker.of(context, call.request_id)
        new = {"flavor": flavors.copy_for_server(flavor), "flavor_id": flavor["id"]}

        def change(connection: Connection) -> None:
            quota.spend_resize(connection, server.project_id, server.flavor, new["flavor"])
            operations.begin(connection, server.id, "resize", asker, arguments=new)

        await self._database.write(change)
        await self._bus.ring(TOPIC, server.id)
        return Reply(202)

    async def _confirm(self, call: Call, version: Version, server: Server, arguments: Any) -> Any:
        await self._begin(call, server, "confirmResize")
        return Reply(204)

    async def _lock(self, call: Call, version: Version, server: Server, arguments: Any) -> Any:
        reason = fields.text(arguments, "locked_reason") if isinstance(arguments, dict) else None
        if reason is not None and version < (2, 73):
            raise BadRequest("Invalid input for lock: 'locked_reason' needs microversion 2.73.")
        await self._record(call, server, "lock", {"locked": True, "locked_reason": reason})
        return Reply(202)

    async def _unlock(self, call: Call, version: Version, server: Server, arguments: Any) -> Any:
        await self._record(call, server, "unlock", {"locked": False, "locked_reason": None})
        return Reply(202)

    async def _record(self, call: Call, server: Server, action: str, changes: Mapping[str, Any]) -> None:
        """Change the row at once and note the action as done."""
        asker = Asker.of(call.context, call.request_id)

        def change(connection: Connection) -> None:
            where = (servers.c.id == server.id, servers.c.deleted.is_(False))
            if not connection.execute(update(servers).where(*where).values(changes)).rowcount:
                raise ServerNotFound(server.id)
            operations.record_action(connection, server.id, action, asker, finished=True)

        await self._database.write(change)

    async def _add_group(self, call: Call, version: Version, server: Server, arguments: Any) -> Any:
        return await self._change_groups(call, server, arguments, "addSecurityGroup")

    async def _remove_group(self, call: Call, version: Version, server: Server, arguments: Any) -> Any:
        return await self._change_groups(call, server, arguments, "removeSecurityGroup")

    async def _change_groups(self, call: Call, server: Server, arguments: Any, action: str) -> Reply:
        name = arguments.get("name") if isinstance(arguments, dict) else None
        if not isinstance(name, str) or not name.strip():
            raise BadRequest(f"Missing parameter name: {action} needs the group's name or id.")
        adding = action == "addSecurityGroup"
        try:
            cloud = self._clouds.caller(call.context.token)
            (group,) = await resolve_groups(cloud, [name], server.project_id)
            ports = await self._ports.of_servers([server.id])
            if not ports:
                raise BadRequest(f"Instance {server.id} has no ports to which a security group could apply.")
            touched = False
            for port in ports:
                now = list(port.get("security_groups", ()))
                if (group["id"] in now) == adding:
                    continue
                wanted = [*now, group["id"]] if adding else [g for g in now if g != group["id"]]
                await self._ports.set_groups(port["id"], wanted)
                touched = True
            names = await self._group_names(cloud, server.id)
        except CloudError as error:
            raise as_fault(error) from error
        if not touched and not adding:
            raise NotFound(f"Security group {name} not associated with the instance {server.id}")
        await self._record(call, server, action, {"security_groups": names, "updated_at": utcnow()})
        return Reply(202)

    async def _group_names(self, cloud: Any, server_id: str) -> list[dict[str, str]]:
        used = {
            g for port in await self._ports.of_servers([server_id]) for g in port.get("security_groups", ())
        }
        known = (await cloud.get("network", "/v2.0/security-groups"))["security_groups"]
        return [{"id": g["id"], "name": g["name"]} for g in known if g["id"] in used]

    async def _create_image(self, call: Call, version: Version, server: Server, arguments: Any) -> Any:
        """An image is made at once, empty; it is filled with what the server wrote."""
        if not isinstance(arguments, dict) or not isinstance(arguments.get("name"), str):
            raise BadRequest("Invalid input for createImage: 'name' is a required property.")
        operations.check(server, "createImage")
        wanted = {
            "instance_uuid": server.id,
            "image_type": "snapshot",
            "base_image_ref": server.image_id or "",
            "user_id": server.user_id,
            **fields.properties(arguments.get("metadata") or {}),
            "name": fields.name(arguments),
            "disk_format": "raw",
            "container_format": "bare",
            "visibility": "private",
        }
        cloud = self._clouds.caller(call.context.token)
        try:
            image = (await cloud.request("image", "POST", "/v2/images", json=wanted)).body
        except CloudError as error:
            raise as_fault(error) from error
        try:
            reply = await self._begin(call, server, "createImage", arguments={"image_id": image["id"]})
        except BaseException:
            with contextlib.suppress(CloudError):
                await cloud.request("image", "DELETE", f"/v2/images/{image['id']}")
            raise
        if version >= (2, 45):
            return Reply(202, {"image_id": image["id"]})
        location = f"{await cloud.endpoint('image')}/v2/images/{image['id']}"
        return Reply(reply.status, None, {"location": location})

    async def _console(self, call: Call, version: Version, server: Server, arguments: Any) -> Any:
        length = arguments.get("length") if isinstance(arguments, dict) else None
        lines = None if length is None else fields.whole({"length": length}, "length", -1, minimum=-1)
        if server.vm_state == "building":
            raise Conflict(f"Instance {server.id} is not ready: it is still being built.")
        if self._host is None:
            raise NotSupported("This process has no host agent and cannot read consoles.")
        try:
            output = await self._host.server_console(server.id, None if lines in (None, -1) else lines)
        except HostError as error:
            if error.code != "missing":
                raise Conflict(error.message) from error
            output = ""
        return {"output": output}

    async def _force_delete(self, call: Call, version: Version, server: Server, arguments: Any) -> Any:
        return await self._servers.delete(call, version)

    async def _restore(self, call: Call, version: Version, server: Server, arguments: Any) -> Any:
        raise WrongState("restore", server.id, "vm_state", server.vm_state)

    async def _reset_state(self, call: Call, version: Version, server: Server, arguments: Any) -> Any:
        target = {"project_id": server.project_id}
        call.enforce("os_compute_api:os-admin-actions:reset_state", target)
        state = arguments.get("state") if isinstance(arguments, dict) else None
        if state not in ("active", "error"):
            raise BadRequest("Invalid input for field/attribute state. Choose active or error.")
        if server.operation is not None:
            raise WrongState("os-resetState", server.id, "task_state", server.task_state)
        changes = {"vm_state": state, "task_state": None, "updated_at": utcnow()}
        await self._record(call, server, "resetState", changes)
        return Reply(202)
