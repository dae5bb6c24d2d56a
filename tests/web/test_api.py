# SPDX-License-Identifier: Apache-2.0
import msgspec
import pytest

from samovar.auth import Context, InvalidToken, Policy
from samovar.clients import Cloud, CloudError, InProcess, ServiceNotInCatalog, TokenCredentials
from samovar.web import Api, NotFound, Prefixes, Reply, health_routes


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
