# SPDX-License-Identifier: Apache-2.0
"""Twins of what stands beside compute: a network, image and identity service, and a host agent."""

import asyncio
import datetime
import socket
import tempfile
import uuid

from samovar.auth import Context, InvalidToken
from samovar.cloud.host import HostError
from samovar.cloud.host.reports import ImageReport, ServerStatus
from samovar.web import Api, BadRequest, Conflict, NotFound, Reply

IMAGE = "11111111-1111-4111-8111-111111111111"
NETWORK = "22222222-2222-4222-8222-222222222222"
SECOND = "22222222-2222-4222-8222-222222222223"
SUBNET = "33333333-3333-4333-8333-333333333333"
WEB = "44444444-4444-4444-8444-444444444444"
DEFAULT = "44444444-4444-4444-8444-444444444445"
PROJECT = "a" * 32
OTHER = "b" * 32
TOKENS = {
    "member": Context(user_id="u1", user_name="demo", project_id=PROJECT, roles=frozenset({"member"})),
    "reader": Context(user_id="u4", user_name="eye", project_id=PROJECT, roles=frozenset({"reader"})),
    "stranger": Context(user_id="u2", user_name="other", project_id=OTHER, roles=frozenset({"member"})),
    "admin": Context(user_id="u3", user_name="admin", project_id="c" * 32, roles=frozenset({"admin"})),
}


class Tokens:
    async def validate(self, token):
        if token not in TOKENS:
            raise InvalidToken("This token is not known.")
        context = TOKENS[token]
        return Context(
            **{f: getattr(context, f) for f in ("user_id", "user_name", "project_id", "roles")}, token=token
        )


def render(fault, call):
    return {"NeutronError": {"type": fault.type, "message": fault.message, "detail": ""}}, {}


class Neighbours:
    """One application that is identity, network and image at once. Ports become active as told."""

    def __init__(self, bus):
        self.bus = bus
        self.ports = {}
        self.floating = []
        self.images = {IMAGE: {"id": IMAGE, "name": "host", "status": "active", "direct_url": "host:"}}
        self.networks = {
            NETWORK: {"id": NETWORK, "name": "private", "tenant_id": PROJECT, "subnets": [SUBNET]},
            SECOND: {"id": SECOND, "name": "second", "tenant_id": OTHER, "subnets": [SUBNET]},
        }
        self.active_at_once = True
        self.fail_ports = None
        self.made = 0
        api = Api("neighbours", render_fault=render)
        api.route("GET", "/identity/v3/auth/tokens", self.token)
        api.route("GET", "/network/v2.0/networks", self.list_networks)
        api.route("GET", "/network/v2.0/networks/{id}", lambda call: self.networks_shown(call))
        api.route("GET", "/network/v2.0/subnets", self.subnets)
        api.route("GET", "/network/v2.0/ports", lambda call: self.ports_listed(call))
        api.route("POST", "/network/v2.0/ports", lambda call: self.ports_made(call))
        api.route("GET", "/network/v2.0/ports/{id}", self.show_port)
        api.route("PUT", "/network/v2.0/ports/{id}", self.change_port)
        api.route("DELETE", "/network/v2.0/ports/{id}", lambda call: self.ports_dropped(call))
        api.route("GET", "/network/v2.0/floatingips", self.floating_ips)
        api.route("GET", "/network/v2.0/security-groups", self.groups)
        api.route("GET", "/image/v2/images/{id}", self.image)
        api.route("GET", "/image/v2/images", self.list_images)
        api.route("POST", "/image/v2/images", self.make_image)
        api.route("PUT", "/image/v2/images/{id}/file", self.fill_image, raw_body=True)
        api.route("DELETE", "/image/v2/images/{id}", self.drop_image)
        self.asgi = api.asgi()

    async def token(self, call):
        context = TOKENS[call.request.headers["x-subject-token"]]
        catalog = [
            {"type": kind, "name": kind, "endpoints": [{"interface": "public", "url": f"http://h:1/{kind}"}]}
            for kind in ("network", "image")
        ]
        project = {"id": context.project_id}
        return {"token": {"catalog": catalog, "project": project, "user": {"id": context.user_id}}}

    def seen_by(self, call, network):
        context = TOKENS[call.request.headers["x-auth-token"]]
        return context.is_admin or network["tenant_id"] == context.project_id or network.get("shared")

    async def list_networks(self, call):
        return {"networks": [n for n in self.networks.values() if self.seen_by(call, n)]}

    async def networks_shown(self, call):
        network = self.networks.get(call.path["id"])
        if network is None or not self.seen_by(call, network):
            raise NotFound(f"Network {call.path['id']} could not be found.")
        return {"network": network}

    async def subnets(self, call):
        subnet = {
            "id": SUBNET,
            "cidr": "10.0.0.0/24",
            "gateway_ip": "10.0.0.1",
            "dns_nameservers": ["9.9.9.9"],
        }
        return {"subnets": [{**subnet, "network_id": call.query["network_id"]}]}

    async def ports_listed(self, call):
        wanted = call.query.getlist("device_id")
        return {"ports": [p for p in self.ports.values() if p["device_id"] in wanted]}

    async def ports_made(self, call):
        if self.fail_ports:
            raise Conflict(self.fail_ports)
        given = call.body["port"]
        self.made += 1
        address = given.get("fixed_ips", [{"ip_address": f"10.0.0.{9 + self.made}"}])[0]["ip_address"]
        port = {
            "security_groups": [DEFAULT],
            "admin_state_up": True,
            **given,
            "id": str(uuid.uuid4()),
            "mac_address": f"fa:16:3e:00:00:{self.made:02x}",
            "fixed_ips": [{"ip_address": address, "subnet_id": SUBNET}],
            "status": "DOWN",
        }
        self.ports[port["id"]] = port
        await self.bound(port)
        return Reply(201, {"port": dict(port)})

    async def bound(self, port):
        if port.get("device_id") and self.active_at_once:
            port["status"] = "ACTIVE"
            await self.bus.announce("network.ports.active", port["id"])

    async def activate(self):
        for port in self.ports.values():
            port["status"] = "ACTIVE"
        await self.bus.announce("network.ports.active", *self.ports)

    def find(self, call):
        port = self.ports.get(call.path["id"])
        if port is None:
            raise NotFound(f"Port {call.path['id']} could not be found.")
        return port

    async def show_port(self, call):
        return {"port": self.find(call)}

    async def change_port(self, call):
        port = self.find(call)
        port.update(call.body["port"])
        await self.bound(port)
        return {"port": port}

    async def ports_dropped(self, call):
        del self.ports[self.find(call)["id"]]
        return Reply(204)

    async def floating_ips(self, call):
        wanted = call.query.getlist("port_id")
        return {"floatingips": [f for f in self.floating if f["port_id"] in wanted]}

    async def groups(self, call):
        groups = [
            {"id": WEB, "name": "web", "tenant_id": PROJECT, "security_group_rules": []},
            {"id": DEFAULT, "name": "default", "tenant_id": PROJECT, "security_group_rules": []},
        ]
        return {"security_groups": groups}

    async def image(self, call):
        if call.path["id"] not in self.images:
            raise NotFound("No image found.")
        return self.images[call.path["id"]]

    async def make_image(self, call):
        made = {**call.body, "id": str(uuid.uuid4()), "status": "queued"}
        self.images[made["id"]] = made
        return Reply(201, made)

    async def fill_image(self, call):
        self.images[call.path["id"]] |= {"status": "active", "data": await call.request.body()}
        return Reply(204)

    async def drop_image(self, call):
        del self.images[call.path["id"]]
        return Reply(204)

    async def list_images(self, call):
        if call.query.get("limit") == "bad":
            raise BadRequest("no")
        return {"images": list(self.images.values())}


class HostTwin:
    """A host agent in memory."""

    def __init__(self):
        self.servers = {}
        self.specs = {}
        self.calls = []
        self.fail = {}
        self.held = asyncio.Event()
        self.held.set()
        self.queues = []
        self.sockets = []
        self.ends_at_once = False

    async def _did(self, name, server_id):
        await self.held.wait()
        self.calls.append((name, server_id))
        if name in self.fail:
            raise self.fail[name]

    def _known(self, server_id):
        if server_id not in self.servers:
            raise HostError("missing", f"There is no server {server_id} on this host.")

    def _state(self, server_id, state, **more):
        now = datetime.datetime.now(datetime.UTC)
        self.servers[server_id] = ServerStatus(id=server_id, state=state, started_at=now, **more)
        return self.servers[server_id]

    async def ensure_server(self, spec):
        await self._did("ensure", spec.id)
        self.specs[spec.id] = spec
        if self.ends_at_once:
            return self._state(spec.id, "stopped", exit_status=0)
        return self._state(spec.id, "running" if spec.running else "stopped")

    async def stop_server(self, server_id, timeout=10.0):
        await self._did("stop", server_id)
        self._known(server_id)
        return self._state(server_id, "stopped")

    async def reboot_server(self, server_id, *, hard=False):
        await self._did("hard reboot" if hard else "reboot", server_id)
        self._known(server_id)
        return self._state(server_id, "running")

    async def rebuild_server(self, spec):
        await self._did("rebuild", spec.id)
        self._known(spec.id)
        self.specs[spec.id] = spec
        return self._state(spec.id, "running" if spec.running else "stopped")

    async def resize_server(self, spec):
        await self._did("resize", spec.id)
        self.specs[spec.id] = spec
        return self.servers[spec.id]

    async def pause_server(self, server_id):
        await self._did("pause", server_id)
        return self._state(server_id, "paused")

    async def unpause_server(self, server_id):
        await self._did("unpause", server_id)
        return self._state(server_id, "running")

    async def save_server(self, server_id, image_id):
        await self._did("save", server_id)
        self._known(server_id)
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(b"the files of the server")
        return file.name

    async def remove_server(self, server_id):
        await self._did("remove", server_id)
        self.servers.pop(server_id, None)

    async def server_console(self, server_id, lines=None):
        self._known(server_id)
        text = ["one", "two", "three"]
        return "\n".join(text if lines is None else text[-lines:]) + "\n"

    async def server_status(self):
        return list(self.servers.values())

    async def unpack_image(self, spec):
        await self._did("unpack", spec.id)
        return ImageReport(id=spec.id, path="/somewhere", size=0)

    async def open_listener(self, network_id, address="169.254.169.254", port=80):
        await self._did("listen", network_id)
        opened = socket.create_server(("127.0.0.1", 0))
        opened.setblocking(False)
        self.sockets.append((network_id, opened.getsockname()[1]))
        return opened

    async def events(self):
        queue = asyncio.Queue()
        self.queues.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self.queues.remove(queue)

    async def publish(self, event):
        for queue in self.queues:
            queue.put_nowait(event)


class Cut:
    """Stops the world at the n-th thing that compute asks of its neighbours, before or after it is done."""

    def __init__(self, neighbours, host, number):
        self.left = number
        self.reached = asyncio.Event()
        for thing, names in (
            (neighbours, ("ports_made", "ports_listed", "networks_shown", "ports_dropped")),
            (host, ("ensure_server", "remove_server", "open_listener")),
        ):
            for name in names:
                setattr(thing, name, self.around(getattr(thing, name)))

    def around(self, call):
        async def counted(*arguments, **more):
            await self.count()
            result = await call(*arguments, **more)
            if not isinstance(result, socket.socket):
                await self.count()
            return result

        return counted

    async def count(self):
        self.left -= 1
        if self.left == 0:
            self.reached.set()
            await asyncio.Event().wait()
