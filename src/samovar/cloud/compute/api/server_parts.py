# SPDX-License-Identifier: Apache-2.0
"""What hangs below a server: metadata, tags, addresses, security groups, its list of actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from samovar.cloud.compute import quota
from samovar.cloud.compute.addresses import AddressBook
from samovar.cloud.compute.clouds import Clouds
from samovar.cloud.compute.faults import ServerNotFound
from samovar.cloud.compute.microversions import Version
from samovar.cloud.compute.networks import Ports
from samovar.cloud.compute.operations import Asker, unlocked
from samovar.cloud.compute.server import Server, find_server
from samovar.cloud.compute.tables import actions, servers
from samovar.database import Database, utcnow
from samovar.web import BadRequest, Call, Forbidden, NotFound, NotSupported, Reply

from . import fields
from .routes import Routes
from .server_request import NO_VOLUMES, tags
from .servers import ServersApi

RULE = "os_compute_api:"
Pairs = dict[str, str]


class ServerPartsApi:
    def __init__(
        self, database: Database, clouds: Clouds, ports: Ports, book: AddressBook, servers_api: ServersApi
    ) -> None:
        self._database = database
        self._clouds = clouds
        self._ports = ports
        self._book = book
        self._servers = servers_api

    def add(self, routes: Routes) -> None:
        base = "/servers/{id}"
        routes.add("GET", f"{base}/metadata", self.metadata)
        routes.add("POST", f"{base}/metadata", self.add_metadata)
        routes.add("PUT", f"{base}/metadata", self.set_metadata)
        routes.add("GET", f"{base}/metadata/{{key}}", self.metadata_item)
        routes.add("PUT", f"{base}/metadata/{{key}}", self.set_metadata_item)
        routes.add("DELETE", f"{base}/metadata/{{key}}", self.drop_metadata_item)
        routes.add("GET", f"{base}/tags", self.tags, since=(2, 26))
        routes.add("PUT", f"{base}/tags", self.set_tags, since=(2, 26))
        routes.add("DELETE", f"{base}/tags", self.drop_tags, since=(2, 26))
        routes.add("GET", f"{base}/tags/{{tag}}", self.has_tag, since=(2, 26))
        routes.add("PUT", f"{base}/tags/{{tag}}", self.add_tag, since=(2, 26))
        routes.add("DELETE", f"{base}/tags/{{tag}}", self.drop_tag, since=(2, 26))
        routes.add("GET", f"{base}/ips", self.addresses)
        routes.add("GET", f"{base}/ips/{{network}}", self.network_addresses)
        routes.add("GET", f"{base}/os-security-groups", self.groups)
        routes.add("GET", f"{base}/os-instance-actions", self.actions)
        routes.add("GET", f"{base}/os-instance-actions/{{request}}", self.action)
        routes.add("GET", f"{base}/os-volume_attachments", self.volumes)
        routes.add("POST", f"{base}/os-volume_attachments", self.attach_volume)
        routes.add("GET", f"{base}/os-volume_attachments/{{volume}}", self.volume)
        routes.add("DELETE", f"{base}/os-volume_attachments/{{volume}}", self.volume)
        routes.add("GET", f"{base}/os-server-password", self.password)
        routes.add("DELETE", f"{base}/os-server-password", self.drop_password)
        routes.add("GET", f"{base}/migrations", self.migrations, since=(2, 23))

    # ── metadata ──

    async def metadata(self, call: Call, version: Version) -> Any:
        return {"metadata": (await self._see(call, "server-metadata:index")).properties}

    async def metadata_item(self, call: Call, version: Version) -> Any:
        server, key = await self._see(call, "server-metadata:index"), call.path["key"]
        if key not in server.properties:
            raise NotFound("Metadata item was not found")
        return {"meta": {key: server.properties[key]}}

    async def add_metadata(self, call: Call, version: Version) -> Any:
        given = fields.properties(call.object("metadata"))
        return {"metadata": await self._change_metadata(call, lambda now: {**now, **given})}

    async def set_metadata(self, call: Call, version: Version) -> Any:
        given = fields.properties(call.object("metadata"))
        return {"metadata": await self._change_metadata(call, lambda now: given)}

    async def set_metadata_item(self, call: Call, version: Version) -> Any:
        given, key = fields.properties(call.object("meta")), call.path["key"]
        if set(given) != {key}:
            raise BadRequest("Request body and URI mismatch")
        await self._change_metadata(call, lambda now: {**now, **given})
        return {"meta": given}

    async def drop_metadata_item(self, call: Call, version: Version) -> Any:
        key = call.path["key"]

        def without(now: Pairs) -> Pairs:
            if key not in now:
                raise NotFound("Metadata item was not found")
            return {k: v for k, v in now.items() if k != key}

        await self._change_metadata(call, without)
        return Reply(204)

    async def _change_metadata(self, call: Call, change: Callable[[Pairs], Pairs]) -> Pairs:
        server = await self._see(call, "server-metadata:update")
        asker = Asker.of(call.context, call.request_id)

        def apply(connection: Connection) -> Pairs:
            changed = change(unlocked(connection, server.id, asker).properties)
            allowed = quota.limits(connection, server.project_id)["metadata_items"]
            if 0 <= allowed < len(changed):
                raise Forbidden(f"Maximum number of metadata items exceeds {allowed}")
            _set(connection, server.id, properties=changed)
            return changed

        return await self._database.write(apply)

    # ── tags ──

    async def tags(self, call: Call, version: Version) -> Any:
        return {"tags": (await self._see(call, "os-server-tags:index")).tags}

    async def has_tag(self, call: Call, version: Version) -> Any:
        server, tag = await self._see(call, "os-server-tags:index"), call.path["tag"]
        if tag not in server.tags:
            raise NotFound(f"Server {server.id} has no tag '{tag}'")
        return Reply(204)

    async def set_tags(self, call: Call, version: Version) -> Any:
        given = tags(call.body.get("tags") if isinstance(call.body, dict) else None)
        await self._change_tags(call, lambda now: given)
        return {"tags": given}

    async def add_tag(self, call: Call, version: Version) -> Any:
        (tag,) = tags([call.path["tag"]])
        before = await self._change_tags(call, lambda now: tags([*now, tag]))
        return Reply(204 if tag in before else 201, None, {} if tag in before else {"location": call.url})

    async def drop_tags(self, call: Call, version: Version) -> Any:
        await self._change_tags(call, lambda now: [])
        return Reply(204)

    async def drop_tag(self, call: Call, version: Version) -> Any:
        tag, server_id = call.path["tag"], call.path["id"]

        def without(now: list[str]) -> list[str]:
            if tag not in now:
                raise NotFound(f"Server {server_id} has no tag '{tag}'")
            return [each for each in now if each != tag]

        await self._change_tags(call, without)
        return Reply(204)

    async def _change_tags(self, call: Call, change: Callable[[list[str]], list[str]]) -> list[str]:
        server = await self._see(call, "os-server-tags:update")

        def apply(connection: Connection) -> list[str]:
            current = find_server(connection, server.id)
            if current is None:
                raise ServerNotFound(server.id)
            _set(connection, server.id, tags=change(current.tags), updated_at=utcnow())
            return current.tags

        return await self._database.write(apply)

    # ── addresses and groups ──

    async def addresses(self, call: Call, version: Version) -> Any:
        server = await self._see(call, "servers:show")
        found = (await self._book.read([server]))[server.id]
        return {"addresses": {name: [_short(entry) for entry in entries] for name, entries in found.items()}}

    async def network_addresses(self, call: Call, version: Version) -> Any:
        server, network = await self._see(call, "servers:show"), call.path["network"]
        found = (await self._book.read([server]))[server.id]
        if network not in found:
            raise NotFound("Network not found")
        return {network: [_short(entry) for entry in found[network]]}

    async def groups(self, call: Call, version: Version) -> Any:
        server = await self._see(call, "servers:show")
        used = {g for p in await self._ports.of_servers([server.id]) for g in p.get("security_groups", ())}
        body = await self._clouds.own.get("network", "/v2.0/security-groups")
        return {"security_groups": [_group(g) for g in body["security_groups"] if g["id"] in used]}

    # ── actions ──

    async def actions(self, call: Call, version: Version) -> Any:
        server = await self._see(call, "os-instance-actions:list", deleted=version >= (2, 21))
        query = select(actions).where(actions.c.server_id == server.id).order_by(actions.c.started_at.desc())
        rows = await self._database.read(lambda c: c.execute(query).mappings().all())
        return {"instanceActions": [_action(row, version) for row in rows]}

    async def action(self, call: Call, version: Version) -> Any:
        server = await self._see(call, "os-instance-actions:list", deleted=version >= (2, 21))
        where = (actions.c.server_id == server.id, actions.c.request_id == call.path["request"])
        row = await self._database.read(lambda c: c.execute(select(actions).where(*where)).mappings().first())
        if row is None:
            raise NotFound(f"Action for request_id {call.path['request']} on instance {server.id} not found")
        shown = _action(row, version)
        if call.context.is_admin or version >= (2, 51):
            shown["events"] = [_event(row, server, call, version)]
        return {"instanceAction": shown}

    # ── what a container does not have ──

    async def volumes(self, call: Call, version: Version) -> Any:
        await self._see(call, "os-volumes-attachments:index")
        return {"volumeAttachments": []}

    async def volume(self, call: Call, version: Version) -> Any:
        server = await self._see(call, "os-volumes-attachments:index")
        raise NotFound(f"Instance {server.id} is not attached to volume {call.path['volume']}")

    async def attach_volume(self, call: Call, version: Version) -> Any:
        await self._see(call, "os-volumes-attachments:create")
        raise NotSupported(f"Nothing can be attached: {NO_VOLUMES}")

    async def password(self, call: Call, version: Version) -> Any:
        await self._see(call, "servers:show")
        return {"password": ""}

    async def drop_password(self, call: Call, version: Version) -> Any:
        await self._see(call, "servers:update")
        return Reply(204)

    async def migrations(self, call: Call, version: Version) -> Any:
        await self._see(call, "servers:show")
        return {"migrations": []}

    async def _see(self, call: Call, rule: str, *, deleted: bool = False) -> Server:
        return await self._servers.find(call, RULE + rule, deleted=deleted)


def _set(connection: Connection, server_id: str, **values: Any) -> None:
    connection.execute(update(servers).where(servers.c.id == server_id).values(values))


def _short(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"version": entry["version"], "addr": entry["addr"]}


def _group(group: Mapping[str, Any]) -> dict[str, Any]:
    rules = [
        {
            "id": rule["id"],
            "parent_group_id": group["id"],
            "ip_protocol": rule.get("protocol"),
            "from_port": -1 if rule.get("port_range_min") is None else rule["port_range_min"],
            "to_port": -1 if rule.get("port_range_max") is None else rule["port_range_max"],
            "ip_range": {"cidr": rule["remote_ip_prefix"]} if rule.get("remote_ip_prefix") else {},
            "group": {},
        }
        for rule in group.get("security_group_rules", ())
        if rule.get("direction") == "ingress"
    ]
    return {
        "id": group["id"],
        "name": group["name"],
        "description": group.get("description") or "",
        "tenant_id": group.get("tenant_id", group.get("project_id")),
        "rules": rules,
    }


def _action(row: RowMapping, version: Version) -> dict[str, Any]:
    shown = {
        "action": row["action"],
        "instance_uuid": row["server_id"],
        "request_id": row["request_id"],
        "user_id": row["user_id"],
        "project_id": row["project_id"],
        "start_time": row["started_at"].strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "message": row["message"],
    }
    if version >= (2, 58):
        moment = row["finished_at"] or row["started_at"]
        shown["updated_at"] = moment.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return shown


def _event(row: RowMapping, server: Server, call: Call, version: Version) -> dict[str, Any]:
    finished = row["finished_at"]
    result = None if finished is None else ("Error" if row["message"] else "Success")
    shown: dict[str, Any] = {
        "event": f"compute_{row['action']}_instance",
        "start_time": row["started_at"].strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "finish_time": None if finished is None else finished.strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "result": result,
        "traceback": None,
    }
    if version >= (2, 62):
        shown["hostId"] = ""
        if call.context.is_admin:
            shown["host"] = server.host or ""
    if version >= (2, 84):
        shown["details"] = row["message"]
    return shown
