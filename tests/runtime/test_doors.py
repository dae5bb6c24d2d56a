# SPDX-License-Identifier: Apache-2.0
from samovar.clients import InProcess
from samovar.runtime.doors import Alone, Forwarding
from samovar.web import Api, Reply, metrics_route


def render(fault, call):
    return {"error": fault.message}, {}


async def test_figures_are_told_at_a_process_s_own_address_and_not_to_servers_of_the_cloud():
    front = Api("samovar", render_fault=render)
    metrics_route(front)
    heat = Api("heat", render_fault=render)

    async def hello(_call):
        return Reply(200, {"hello": True})

    heat.route("GET", "/v1", hello, public=True)
    inside = front.asgi()

    async def status(application, path):
        return (await InProcess(application).send("GET", f"http://h:1{path}", {}, None, 5)).status

    own = Alone(heat.asgi(), "heat-api", inside)
    assert await status(own, "/metrics") == 200 and await status(own, "/v1") == 200
    assert await status(own, "/heat-api/metrics") == 404
    for_servers = Forwarding(inside, {}, InProcess(inside))
    assert await status(for_servers, "/metrics") == 404
