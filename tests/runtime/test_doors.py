# SPDX-License-Identifier: Apache-2.0
"""Which application answers a request, by the port it came in at and by its path."""

from samovar.clients import CloudUnreachable
from samovar.clients.transport import InProcess, RawAnswer
from samovar.runtime.doors import Alone, Doors, Forwarding


def says(word):
    async def application(scope, receive, send):
        text = f"{word} {scope['method']} {scope.get('root_path', '')} {scope['path']} {scope['scheme']}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text})

    return application


async def ask(application, path="/", *, method="GET", port=80, headers=None, body=None):
    async def at_port(scope, receive, send):
        await application(dict(scope, server=("127.0.0.1", port)), receive, send)

    answer = await InProcess(at_port).send(method, f"http://h{path}", headers or {}, body, 5)
    return answer.status, answer.body.decode()


async def test_a_port_of_its_own_serves_one_api_at_its_root_and_under_its_prefix():
    doors = Doors(says("shared"), {8004: Alone(says("heat"), "heat-api", says("health"))})
    assert (await ask(doors, "/v1/p/stacks", port=8004))[1] == "heat GET  /v1/p/stacks http"
    assert (await ask(doors, "/heat-api/v1", port=8004))[1] == "heat GET /heat-api /heat-api/v1 http"
    assert (await ask(doors, "/v1", port=9090))[1] == "shared GET  /v1 http"


async def test_health_is_told_at_every_port_and_to_a_bare_httpchk():
    doors = Doors(says("shared"), {8004: Alone(says("heat"), "heat-api", says("health"))})
    assert (await ask(doors, "/readyz", port=8004))[1] == "health GET  /readyz http"
    assert (await ask(doors, "/", method="OPTIONS", port=8004))[1] == "health GET  /readyz http"


async def test_a_proxy_that_ends_tls_is_believed_only_when_it_is_configured():
    told = {"x-forwarded-proto": "https"}
    assert (await ask(Doors(says("a"), {}), headers=told))[1].endswith("http")
    assert (await ask(Doors(says("a"), {}, believe_proxy=True), headers=told))[1].endswith("https")


class Elsewhere:
    """A transport that remembers what it was given."""

    def __init__(self, broken=False):
        self.sent, self.broken = [], broken

    async def send(self, method, url, headers, body, timeout):
        if self.broken:
            raise CloudUnreachable("nobody is there")
        self.sent.append((method, url, headers.get("host"), body))
        return RawAnswer(202, {"x-told": "yes", "content-length": "99"}, b"done")


async def test_servers_reach_apis_of_other_processes_with_the_host_that_they_signed():
    transport = Elsewhere()
    application = Forwarding(says("here"), {"heat-api-cfn": "http://10.0.0.1:8000"}, transport)
    path = "/heat-api-cfn/v1/waitcondition/a%3Ab?Signature=x%2By"
    assert await ask(application, path, method="PUT", body=b"{}") == (202, "done")
    assert transport.sent == [("PUT", f"http://10.0.0.1:8000{path}", "h", b"{}")]
    assert (await ask(application, "/latest/meta-data"))[1].startswith("here")


async def test_an_api_that_is_away_is_told_as_503():
    application = Forwarding(says("here"), {"identity": "http://10.0.0.1:5000"}, Elsewhere(broken=True))
    assert await ask(application, "/identity/v3") == (503, "nobody is there\n")
