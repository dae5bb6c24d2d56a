# SPDX-License-Identifier: Apache-2.0
"""Enough of the compute and image APIs, in memory, to see what behaviours ask for; ports are real."""

import json
import re
from uuid import uuid4

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def fault(status, message):
    return JSONResponse({"itemNotFound": {"message": message, "code": status}}, status)


class ComputeTwin:
    def __init__(self):
        self.cloud = None
        self.servers, self.keys, self.flavors, self.groups = {}, {}, {}, {}
        self.images = {"img": {"id": "img", "name": "cirros", "status": "active"}}
        self.flavors["small"] = {"id": "small", "name": "m1.small"}
        self.flavors["big"] = {"id": "big", "name": "m1.big"}
        self.requests, self.actions = [], []

    def compute_app(self):
        root = "/v2.1"
        return Starlette(
            routes=[
                Route(root + "/servers", self.make_server, methods=["POST"]),
                Route(root + "/servers", self.list_servers),
                Route(root + "/servers/{id}", self.one_server, methods=["GET", "PUT", "DELETE"]),
                Route(root + "/servers/{id}/action", self.act, methods=["POST"]),
                Route(root + "/servers/{id}/metadata", self.set_metadata, methods=["PUT"]),
                Route(root + "/servers/{id}/tags", self.tags, methods=["GET", "PUT"]),
                Route(root + "/servers/{id}/os-interface", self.interfaces, methods=["GET", "POST"]),
                Route(root + "/servers/{id}/os-interface/{port}", self.detach, methods=["DELETE"]),
                Route(root + "/os-keypairs", self.keypairs, methods=["GET", "POST"]),
                Route(root + "/os-keypairs/{id}", self.one_keypair, methods=["GET", "DELETE"]),
                Route(root + "/flavors", self.flavor_list, methods=["GET", "POST"]),
                Route(root + "/flavors/{id}", self.one_flavor, methods=["GET", "DELETE"]),
                Route(root + "/flavors/{id}/os-extra_specs", self.specs, methods=["GET", "POST"]),
                Route(root + "/flavors/{id}/os-extra_specs/{key}", self.drop_spec, methods=["DELETE"]),
                Route(root + "/os-server-groups", self.group_list, methods=["GET", "POST"]),
                Route(root + "/os-server-groups/{id}", self.one_group, methods=["GET", "DELETE"]),
            ]
        )

    def image_app(self):
        return Starlette(
            routes=[
                Route("/v2/images", self.image_list, methods=["GET", "POST"]),
                Route("/v2/images/{id}", self.one_image, methods=["GET", "DELETE", "PATCH"]),
                Route("/v2/images/{id}/import", self.fetch, methods=["POST"]),
            ]
        )

    async def make_server(self, request):
        body = await request.json()
        self.requests.append((body, request.headers.get("openstack-api-version")))
        asked = body["server"]
        server = {
            "id": str(uuid4()),
            "name": asked["name"],
            "status": "BUILD",
            "flavor": {"id": asked["flavorRef"]},
            "image": {"id": asked["imageRef"]},
            "metadata": asked.get("metadata", {}),
            "tags": asked.get("tags", []),
            "addresses": {},
            "OS-EXT-STS:task_state": None,
        }
        self.servers[server["id"]] = server
        networks = asked.get("networks", [])
        for each in networks if isinstance(networks, list) else []:
            await self._plug(server, each)
        return JSONResponse({"server": {"id": server["id"]}}, 202)

    async def _plug(self, server, asked):
        port = asked.get("port")
        if port is None:
            sent = {"network_id": asked["uuid"]}
            answer = await self.cloud.request("network", "POST", "/v2.0/ports", json={"port": sent})
            port = answer.body["port"]["id"]
        sent = {"device_id": server["id"], "device_owner": "compute:nova"}
        await self.cloud.request("network", "PUT", f"/v2.0/ports/{port}", json={"port": sent})

    async def _ports(self, server_id):
        query = {"device_id": server_id}
        return (await self.cloud.get("network", "/v2.0/ports", query=query))["ports"]

    async def list_servers(self, request):
        pattern = request.query_params.get("name", "")
        found = [each for each in self.servers.values() if re.search(pattern, each["name"])]
        return JSONResponse({"servers": [{"id": each["id"], "name": each["name"]} for each in found]})

    async def one_server(self, request):
        server = self.servers.get(request.path_params["id"])
        if server is None:
            return fault(404, "no such server")
        if request.method == "DELETE":
            del self.servers[server["id"]]
            return Response(status_code=204)
        if request.method == "PUT":
            server |= (await request.json())["server"]
        shown = dict(server)
        addresses = {}
        for port in await self._ports(server["id"]):
            path = f"/v2.0/networks/{port['network_id']}"
            name = (await self.cloud.get("network", path))["network"]["name"]
            addresses.setdefault(name, []).extend(
                {"addr": ip["ip_address"], "version": 4, "OS-EXT-IPS-MAC:mac_addr": port["mac_address"]}
                for ip in port["fixed_ips"]
            )
        shown["addresses"] = addresses
        if server["status"] in ("BUILD", "REBUILD"):
            server["status"] = "ACTIVE"
        if server["status"] == "RESIZE":
            server["status"] = "VERIFY_RESIZE"
        return JSONResponse({"server": shown})

    async def act(self, request):
        server = self.servers[request.path_params["id"]]
        ((verb, details),) = (await request.json()).items()
        self.actions.append(verb)
        if verb == "createImage":
            image = {"id": str(uuid4()), "name": details["name"], "status": "active"}
            self.images[image["id"]] = image
            return Response(status_code=202, headers={"location": f"http://i/v2/images/{image['id']}"})
        states = {"suspend": "SUSPENDED", "resume": "ACTIVE", "confirmResize": "ACTIVE"}
        states |= {"resize": "RESIZE", "rebuild": "REBUILD"}
        server["status"] = states.get(verb, server["status"])
        if verb == "resize":
            server["flavor"] = {"id": details["flavorRef"]}
        if verb == "rebuild":
            server["image"] = {"id": details["imageRef"]}
        return Response(status_code=202)

    async def set_metadata(self, request):
        server = self.servers[request.path_params["id"]]
        server["metadata"] = (await request.json())["metadata"]
        return JSONResponse({"metadata": server["metadata"]})

    async def tags(self, request):
        server = self.servers[request.path_params["id"]]
        if request.method == "PUT":
            server["tags"] = (await request.json())["tags"]
        return JSONResponse({"tags": server["tags"]})

    async def interfaces(self, request):
        server = self.servers[request.path_params["id"]]
        if request.method == "POST":
            sent = (await request.json())["interfaceAttachment"]
            asked = {"port": sent["port_id"]} if "port_id" in sent else {"uuid": sent["net_id"]}
            await self._plug(server, asked)
        shown = [
            {"port_id": port["id"], "net_id": port["network_id"], "fixed_ips": port["fixed_ips"]}
            for port in await self._ports(server["id"])
        ]
        return JSONResponse({"interfaceAttachments": shown})

    async def detach(self, request):
        sent = {"device_id": "", "device_owner": ""}
        path = f"/v2.0/ports/{request.path_params['port']}"
        await self.cloud.request("network", "PUT", path, json={"port": sent})
        return Response(status_code=202)

    async def keypairs(self, request):
        if request.method == "POST":
            pair = (await request.json())["keypair"]
            if pair["name"] in self.keys:
                return fault(409, "exists")
            made = {} if pair.get("public_key") else {"private_key": "PRIVATE"}
            pair = {"public_key": "ssh-rsa MADE", **pair}
            self.keys[pair["name"]] = pair
            return JSONResponse({"keypair": pair | made})
        return JSONResponse({"keypairs": [{"keypair": each} for each in self.keys.values()]})

    async def one_keypair(self, request):
        pair = self.keys.get(request.path_params["id"])
        if pair is None:
            return fault(404, "no such key pair")
        if request.method == "DELETE":
            del self.keys[pair["name"]]
            return Response(status_code=204)
        return JSONResponse({"keypair": pair})

    async def flavor_list(self, request):
        if request.method == "POST":
            flavor = (await request.json())["flavor"] | {"extra_specs": {}}
            self.flavors[flavor["id"]] = flavor
            return JSONResponse({"flavor": flavor})
        return JSONResponse({"flavors": list(self.flavors.values())})

    async def one_flavor(self, request):
        flavor = self.flavors.get(request.path_params["id"])
        if flavor is None:
            return fault(404, "no such flavor")
        if request.method == "DELETE":
            del self.flavors[flavor["id"]]
            return Response(status_code=202)
        return JSONResponse({"flavor": flavor})

    async def specs(self, request):
        flavor = self.flavors[request.path_params["id"]]
        if request.method == "POST":
            flavor["extra_specs"] |= (await request.json())["extra_specs"]
        return JSONResponse({"extra_specs": flavor["extra_specs"]})

    async def drop_spec(self, request):
        del self.flavors[request.path_params["id"]]["extra_specs"][request.path_params["key"]]
        return Response(status_code=202)

    async def group_list(self, request):
        if request.method == "POST":
            group = (await request.json())["server_group"] | {"id": str(uuid4())}
            self.groups[group["id"]] = group
            return JSONResponse({"server_group": group})
        return JSONResponse({"server_groups": list(self.groups.values())})

    async def one_group(self, request):
        group = self.groups.get(request.path_params["id"])
        if group is None:
            return fault(404, "no such group")
        if request.method == "DELETE":
            del self.groups[group["id"]]
            return Response(status_code=204)
        return JSONResponse({"server_group": group})

    async def image_list(self, request):
        if request.method == "POST":
            image = (await request.json()) | {"status": "queued"}
            self.images[image["id"]] = image
            return JSONResponse(image, 201)
        name = request.query_params.get("name")
        return JSONResponse({"images": [i for i in self.images.values() if name in (None, i["name"])]})

    async def one_image(self, request):
        image = self.images.get(request.path_params["id"])
        if image is None:
            return fault(404, "no such image")
        if request.method == "DELETE":
            del self.images[image["id"]]
            return Response(status_code=204)
        if request.method == "PATCH":
            for change in json.loads(await request.body()):
                image[change["path"][1:]] = change.get("value")
        return JSONResponse(image)

    async def fetch(self, request):
        image = self.images[request.path_params["id"]]
        image["source"] = (await request.json())["method"]["uri"]
        image["status"] = "active"
        return Response(status_code=202)
