# SPDX-License-Identifier: Apache-2.0
import asyncio
import logging
import time

import msgspec
import pytest
import uvicorn

from samovar.auth import Context, InvalidToken, Policy
from samovar.clients import Cloud, CloudError, InProcess, ServiceNotInCatalog, TokenCredentials
from samovar.observability.logs import TextLines
from samovar.web import Api, NotFound, Prefixes, Reply, health_routes, metrics_route


def render(fault, call):
    return {"error": {"code": fault.status, "message": fault.message, "type": fault.type}}, {}


class Tokens:
    async def validate(self, token):
        if token != "good":
            raise InvalidToken("This token is not known.")
        return Context(user_id="u", project_id="p", roles=frozenset({"member"}))


@pytest.fixture
def transport():
    policy = Policy({"read": "role:reader", "own": "role:admin"})
    api = Api("things", render_fault=render, validator=Tokens(), policy=policy, max_body=1000)

    async def show(call):
        if call.path["id"] == "none":
            raise NotFound("There is no thing none.", type="ThingNotFound")
        return {"id": call.path["id"], "base": call.base_url, "project": call.context.project_id}

    async def echo(call):
        return Reply(201, call.body, {"location": call.url})

    async def crash(call):
        raise KeyError("a bug")

    api.route("GET", "/v1/things/{id}", show, rule="read")
    api.route("POST", "/v1/things", echo)
    api.route("GET", "/v1/crash", crash)
    api.route("GET", "/v1/admin", echo, rule="own")
    health_routes(api, {"database": well, "broker": unwell})
    metrics_route(api)

    async def tokens(call):
        url = "http://h:1/things"
        endpoint = {"interface": "public", "url": url, "region_id": "R", "region": "R"}
        return {"token": {"catalog": [{"type": "thing", "name": "t", "endpoints": [endpoint]}]}}

    identity = Api("identity", render_fault=render)
    identity.route("GET", "/v3/auth/tokens", tokens)
    return InProcess(Prefixes({"things": api.asgi(), "identity": identity.asgi()}, api.asgi()))


async def well():
    return None


async def unwell():
    return "The broker is away."


async def ask(transport, method, path, body=None, token="good"):
    raw = await transport.send(method, f"http://h:1/things{path}", {"x-auth-token": token}, body, 5)
    assert raw.headers["x-openstack-request-id"].startswith("req-")
    return raw.status, msgspec.json.decode(raw.body) if raw.body[:1] == b"{" else raw.body


async def test_a_request_reaches_its_handler_with_its_context(transport):
    assert await ask(transport, "GET", "/v1/things/a%20b") == (
        200,
        {"id": "a b", "base": "http://h:1/things", "project": "p"},
    )
    assert await ask(transport, "POST", "/v1/things", b'{"a": [1]}') == (201, {"a": [1]})


@pytest.mark.parametrize(
    ("method", "path", "body", "token", "status"),
    [
        ("GET", "/v1/things/none", None, "good", 404),
        ("GET", "/v1/nowhere", None, "good", 404),
        ("PUT", "/v1/things", None, "good", 405),
        ("GET", "/v1/things/a", None, "bad", 401),
        ("GET", "/v1/things/a", None, "", 401),
        ("GET", "/v1/admin", None, "good", 403),
        ("POST", "/v1/things", b"{not json", "good", 400),
        ("POST", "/v1/things", b"[" * 900, "good", 400),
        ("POST", "/v1/things", b'"' + b"x" * 2000 + b'"', "good", 413),
        ("GET", "/v1/crash", None, "good", 500),
    ],
)
async def test_every_refusal_has_the_apis_own_shape(transport, method, path, body, token, status):
    answered, error = await ask(transport, method, path, body, token)
    assert (answered, error["error"]["code"]) == (status, status)
    assert "a bug" not in error["error"]["message"]


async def test_health_names_what_is_not_well(transport):
    assert (await ask(transport, "GET", "/livez"))[0] == 200
    status, body = await ask(transport, "GET", "/readyz")
    assert (status, body["checks"]) == (503, {"database": "ok", "broker": "The broker is away."})
    assert await ask(transport, "GET", "/healthcheck", token="") == (503, b"The broker is away.")


async def test_a_cloud_finds_its_service_and_keeps_its_words(transport):
    cloud = Cloud("http://h:1/identity/v3", TokenCredentials("good"), transport=transport)
    assert (await cloud.get("thing", "/v1/things/x"))["id"] == "x"
    with pytest.raises(CloudError, match="There is no thing none") as refused:
        await cloud.get("thing", "/v1/things/none")
    assert refused.value.not_found and refused.value.request_id.startswith("req-")
    with pytest.raises(ServiceNotInCatalog, match="no cake service"):
        await cloud.get("cake", "/")


async def test_checks_are_bounded_in_number_and_time():
    asked = []

    async def slow():
        asked.append(1)
        await asyncio.sleep(30)

    async def process():
        return "The process is stopping." if draining else None

    async def cache():
        return "The cache is away."

    draining = False
    api = Api("x", render_fault=render)
    health_routes(api, {"database": slow, "process": process}, {"cache": cache})
    transport = InProcess(api.asgi())

    async def ready():
        raw = await transport.send("GET", "http://h:1/readyz", {}, None, 5)
        return raw.status, msgspec.json.decode(raw.body)["checks"]

    status, checks = await ready()
    assert status == 503 and checks["database"] == "The database has not answered within 1 s."
    assert checks["cache"] == "The cache is away." and checks["process"] == "ok"
    began = time.monotonic()
    for _ in range(20):
        assert (await ready())[0] == 503
    assert time.monotonic() - began < 0.5 and len(asked) <= 2, "who asks often is answered at once"
    draining = True
    assert (await ready())[1]["process"] == "The process is stopping."


async def test_a_note_fails_nothing():
    async def cache():
        return "The cache is away."

    api = Api("x", render_fault=render)
    health_routes(api, {"database": well}, {"cache": cache})
    raw = await InProcess(api.asgi()).send("GET", "http://h:1/readyz", {}, None, 5)
    assert (raw.status, msgspec.json.decode(raw.body)["checks"]["cache"]) == (200, "The cache is away.")


async def test_requests_are_counted_by_route_and_never_by_path(transport):
    for name in ("one", "two", "none"):
        await ask(transport, "GET", f"/v1/things/{name}")
    await ask(transport, "BREW", "/v1/nowhere")
    raw = await transport.send("GET", "http://h:1/things/metrics", {}, None, 5)
    text = raw.body.decode()
    assert raw.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'samovar_requests_total{api="things",method="GET",route="/v1/things/{id}",status="200"}' in text
    assert 'samovar_requests_total{api="things",method="GET",route="/v1/things/{id}",status="404"}' in text
    assert (
        'samovar_request_seconds_bucket{api="things",le="0.001",method="GET",route="/v1/things/{id}"}' in text
    )
    assert "BREW" not in text and "/one" not in text and "process_resident_memory_bytes" in text


async def test_a_line_says_which_request_it_is_about(caplog):
    logging.getLogger("samovar.web").setLevel(logging.DEBUG)
    lines = []
    handler = logging.Handler()
    formatter = TextLines()
    handler.emit = lambda record: lines.append(formatter.format(record))
    logging.getLogger("samovar.web").addHandler(handler)
    try:
        api = Api("x", render_fault=render)

        async def crash(call):
            raise KeyError(call.request_id)

        api.route("GET", "/crash", crash, public=True)
        given = "req-0f8fad5b-d9cb-469f-a165-70867728950e"
        headers = {"x-openstack-request-id": given}
        raw = await InProcess(api.asgi()).send("GET", "http://h:1/crash", headers, None, 5)
    finally:
        logging.getLogger("samovar.web").removeHandler(handler)
        logging.getLogger("samovar.web").setLevel(logging.NOTSET)
    own = raw.headers["x-openstack-request-id"]
    assert own != given and f"[{own} {given}] GET /crash failed" in lines[0]


@pytest.mark.parametrize(
    ("method", "hung_up", "done"), [("POST", True, 0), ("POST", False, 1), ("GET", True, 1)]
)
async def test_what_changes_something_is_not_done_for_a_client_that_hung_up_before(method, hung_up, done):
    handled, sent = [], []
    api = Api("t", render_fault=lambda fault, call: ({}, {}))

    async def handle(call):
        handled.append(call.body)
        return {}

    api.route(method, "/x", handle)
    messages = [{"type": "http.request", "body": b"{}", "more_body": False}]

    async def receive():
        if messages:
            return messages.pop()
        if not hung_up:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": "/x", "raw_path": b"/x", "root_path": "", "scheme": "http",
        "query_string": b"", "headers": [], "server": ("h", 80), "client": None,
    }  # fmt: skip
    await api.asgi()(scope, receive, send)
    assert (len(handled), bool(sent)) == (done, bool(done))


async def test_a_request_that_the_end_of_its_server_cuts_off_is_told_to_try_again():
    """With uvicorn's own 500 no client would; what was done is not known."""
    api = Api("things", render_fault=render)
    began = asyncio.Event()

    async def stuck(_call):
        began.set()
        await asyncio.Event().wait()

    api.route("POST", "/v1/stuck", stuck, public=True)
    config = uvicorn.Config(api.asgi(), port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname()[:2])
    writer.write(b"POST /v1/stuck HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
    await asyncio.wait_for(began.wait(), 10)
    server.should_exit = True
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await serving
    assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nretry-after: 1\r\n" in answer
    assert b"look, and try again" in answer
