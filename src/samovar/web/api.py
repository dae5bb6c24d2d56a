# SPDX-License-Identifier: Apache-2.0
"""An Api: a table of routes, and what happens to each request around its handler.

    request id → route → body limit → token → policy → handler → JSON
                             └────── a Fault at any step is rendered in the API's own shape

A handler receives a `Call` and returns a `Reply`, any JSON-able object (200), or a Starlette
response (for streams).
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy.exc import DataError
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from samovar.auth import Context, IdentityUnavailable, InvalidToken, Policy, PolicyDenied, TokenValidator
from samovar.database import DatabaseFull, DatabaseUnavailable
from samovar.observability import about, figures, span

from .errors import BadRequest, Fault, Forbidden, NotFound, ServiceUnavailable, TooLarge, Unauthorized
from .routing import Routes

log = logging.getLogger(__name__)
encoder = msgspec.json.Encoder()
MAX_BODY = 1_048_576
READING = ("GET", "HEAD", "OPTIONS")
SERVER_ENDS = "timeout graceful shutdown exceeded"
"""What uvicorn tells the requests that it cannot wait for any longer."""
ENDED = "The service is being stopped before this was done, or is known to be done; look, and try again."
GLOBAL_ID = re.compile(r"req-[0-9a-f-]{36}")


@dataclass(slots=True)
class Reply:
    """An answer: status, a JSON-able body (None: no body), headers."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """One request, as a handler sees it. `context` is empty on public routes without a token."""

    request: Request
    api: Api
    request_id: str
    context: Context = field(default_factory=Context)
    body: Any = None

    @property
    def path(self) -> Mapping[str, str]:
        """The parameters in the path, by name."""
        parameters: Mapping[str, str] = self.request.path_params
        return parameters

    @property
    def query(self) -> QueryParams:
        """The query parameters; `.getlist(name)` for repeated ones."""
        return self.request.query_params

    @property
    def origin(self) -> str:
        """Scheme and host that the client used, ``http://127.0.0.1:9090``."""
        return f"{self.request.url.scheme}://{self.request.headers.get('host') or self.request.url.netloc}"

    @property
    def base_url(self) -> str:
        """Where this API begins for the client: the origin and the prefix, no slash at the end."""
        return self.origin + str(self.request.scope.get("root_path", "")).rstrip("/")

    @property
    def url(self) -> str:
        """The path asked for, without query, as the client sees it."""
        return self.origin + self.request.url.path

    def object(self, key: str) -> dict[str, Any]:
        """The object under `key` of the body; a BadRequest when it is not there."""
        if not isinstance(self.body, dict) or not isinstance(self.body.get(key), dict):
            raise BadRequest(f"The body must be a JSON object with an object under {key!r}.")
        value: dict[str, Any] = self.body[key]
        return value

    def enforce(self, rule: str, target: Mapping[str, Any] | None = None) -> None:
        """Raise Forbidden unless the API's policy lets the caller do `rule` to `target`."""
        if self.api.policy is not None:
            self.api.policy.enforce(rule, self.context, target)


Handler = Callable[[Call], Awaitable[Any]]
RenderFault = Callable[[Fault, Call], tuple[Any, Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class _Action:
    handler: Handler
    public: bool
    rule: str | None
    raw_body: bool
    max_body: int


class Api:
    """The routes of one service.

    `render_fault` gives the body and extra headers of a fault in the API's own shape (a str or
    bytes body is sent as it is). `authenticate_header` is the value of WWW-Authenticate on a 401.
    """

    def __init__(
        self,
        name: str,
        *,
        render_fault: RenderFault,
        validator: TokenValidator | None = None,
        policy: Policy | None = None,
        max_body: int = MAX_BODY,
        authenticate_header: str = "Keystone",
    ) -> None:
        self.name = name
        self.policy = policy
        self._validator = validator
        self._render_fault = render_fault
        self._max_body = max_body
        self._authenticate_header = authenticate_header
        self._resources: dict[str, _Resource] = {}

    def route(
        self,
        method: str,
        path: str,
        handler: Handler,
        *,
        public: bool = False,
        rule: str | None = None,
        raw_body: bool = False,
        max_body: int | None = None,
    ) -> None:
        """Serve `method path` by `handler`. Paths use Starlette's ``{name}`` and ``{name:path}``.

        A public route needs no token (one that comes is still checked); `rule` is enforced with the
        caller's own project as target; `raw_body` leaves reading the body to the handler.
        """
        resource = self._resources.get(path)
        if resource is None:
            resource = self._resources[path] = _Resource(self, path)
        resource.actions[method.upper()] = _Action(
            handler, public, rule, raw_body, max_body or self._max_body
        )

    def asgi(self) -> ASGIApp:
        """The ASGI application; no routes are added after this."""
        return Routes(self._resources, _Unknown(self))

    async def serve(
        self, action: _Action | Fault, scope: Scope, receive: Receive, send: Send, route: str = "none"
    ) -> None:
        """Answer one request; `route` is the pattern of its path, for the figures."""
        request = Request(scope, receive)
        call = Call(request, self, request_id(request))
        method = request.method if isinstance(action, _Action) else "other"
        running = figures.REQUESTS_RUNNING.labels(self.name)
        running.inc()
        began = time.perf_counter()
        status = 499  # the client went away
        try:
            with (
                about(request_id=call.request_id, global_request_id=_global_id(request)),
                span(f"{method} {route}", api=self.name, request_id=call.request_id),
            ):
                result = await self._result(call, action)
                if result is None:
                    return
                status = result.status_code if isinstance(result, Response) else result.status
                took = time.perf_counter() - began
                log.debug("%s %s: %d in %.3f s", request.method, request.url.path, status, took)
                if isinstance(result, Response):
                    result.headers["x-openstack-request-id"] = call.request_id
                    await result(scope, receive, send)
                else:
                    await _send(result, call.request_id, send, head=request.method == "HEAD")
        finally:
            running.dec()
            figures.REQUESTS.labels(self.name, route, method, str(status)).inc()
            figures.REQUEST_SECONDS.labels(self.name, route, method).observe(time.perf_counter() - began)

    async def _result(self, call: Call, action: _Action | Fault) -> Reply | Response | None:
        """What the handler, or a fault on the way to it, answers; None: nobody waits for it any more."""
        try:
            if isinstance(action, Fault):
                raise action
            await self._authenticate(call, action.public)
            if not action.raw_body:
                call.body = await _json_body(call.request, action.max_body)
            if action.rule is not None:
                call.enforce(
                    action.rule, {"project_id": call.context.project_id, "user_id": call.context.user_id}
                )
            if call.request.method not in READING and not action.raw_body and _is_gone(call.request):
                log.info(
                    "%s %s: nobody waits for it any more, nothing was done", call.request.method, call.url
                )
                return None
            result = await action.handler(call)
        except ClientDisconnect:
            return None
        except asyncio.CancelledError as error:
            if SERVER_ENDS not in str(error):
                raise
            return self._refuse(call, ServiceUnavailable(ENDED, headers={"retry-after": "1"}))
        except Exception as error:
            return self._refuse(call, error)
        return result if isinstance(result, (Reply, Response)) else Reply(200, result)

    async def _authenticate(self, call: Call, public: bool) -> None:
        if self._validator is None:
            return
        token = call.request.headers.get("x-auth-token", "")
        if not token:
            if public:
                return
            raise Unauthorized("The request you have made requires authentication.")
        try:
            call.context = await self._validator.validate(token)
        except InvalidToken as error:
            if not public:
                raise Unauthorized(str(error) or "The token is not valid.") from error

    def _refuse(self, call: Call, error: Exception) -> Reply:
        if isinstance(error, Fault):
            fault = error
        elif isinstance(error, PolicyDenied):
            fault = Forbidden(str(error))
        elif isinstance(error, DatabaseFull):
            log.warning("%s: %s", call.request.url.path, error)
            fault = ServiceUnavailable(
                "The disk that holds the database is full, so nothing was changed; make room and try again.",
                headers={"retry-after": "30"},
            )
        elif isinstance(error, DatabaseUnavailable):
            log.warning("%s: %s", call.request.url.path, error)
            fault = ServiceUnavailable(
                "The database does not answer at the moment; try again shortly.", headers={"retry-after": "5"}
            )
        elif isinstance(error, IdentityUnavailable):
            log.warning("%s %s: %s", call.request_id, call.request.url.path, error)
            fault = ServiceUnavailable(
                "The identity service does not answer at the moment; try again shortly.",
                headers={"retry-after": "5"},
            )
        elif isinstance(error, DataError):
            log.warning("%s: %s", call.request.url.path, error.orig)
            fault = BadRequest(
                "A value in the request cannot be stored: text with a NUL character, text that is too long "
                "for its field, or a number that is out of range."
            )
        else:
            log.error("%s %s failed", call.request.method, call.request.url.path, exc_info=error)
            fault = Fault(
                "The server could not complete the request because of an error of its own. "
                f"It is logged under {call.request_id}.",
                status=500,
                type="InternalError",
            )
        body, headers = self._render_fault(fault, call)
        headers = {**headers, **fault.headers}
        if fault.status == 401:
            headers.setdefault(
                "www-authenticate", f'{self._authenticate_header} uri="{call.origin}/identity"'
            )
        return Reply(fault.status, body, headers)


class _Resource:
    """One path and its methods; an ASGI application, so that Starlette passes the request through."""

    def __init__(self, api: Api, path: str) -> None:
        self.api, self.path = api, path
        self.actions: dict[str, _Action] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        action = self.actions.get(method)
        if action is None and method == "HEAD":
            action = self.actions.get("GET")
        if action is not None:
            await self.api.serve(action, scope, receive, send, self.path)
            return
        allowed = ", ".join(sorted(self.actions))
        if method == "OPTIONS":
            await _send(Reply(204, None, {"allow": allowed}), "", send)
            return
        fault = Fault(
            f"The method {method} is not allowed here; allowed: {allowed}.",
            status=405,
            type="MethodNotAllowed",
            headers={"allow": allowed},
        )
        await self.api.serve(fault, scope, receive, send, self.path)


class _Unknown:
    def __init__(self, api: Api) -> None:
        self.api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            fault = NotFound("The resource could not be found.", type="NotFound")
            await self.api.serve(fault, scope, receive, send)


def request_id(request: Request) -> str:
    """A fresh id of this request; a client's global id is kept in the log, not given back."""
    return f"req-{uuid.uuid4()}"


def _global_id(request: Request) -> str:
    """The id that a client gave its request, when it looks like one: for the log alone."""
    given = request.headers.get("x-openstack-request-id", "")
    return given if GLOBAL_ID.fullmatch(given) else ""


async def _json_body(request: Request, limit: int) -> Any:
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise TooLarge(f"The body has {length} bytes; at most {limit} are accepted.")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"The body has more than {limit} bytes.")
        chunks.append(chunk)
    if not size:
        return None
    try:
        return msgspec.json.decode(b"".join(chunks))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error


def _is_gone(request: Request) -> bool:
    """Whether the client has hung up by now, told without waiting; the body has been read.

    A process that stood still finds requests that were given up long ago, and asked again elsewhere:
    what changes something must not be done then.
    """
    asked = request.receive()
    try:
        asked.send(None)  # type: ignore[attr-defined]  # a coroutine: run until it would wait
    except StopIteration as answered:
        return bool(answered.value["type"] == "http.disconnect")
    asked.close()  # type: ignore[attr-defined]
    return False


async def _send(reply: Reply, identity: str, send: Send, *, head: bool = False) -> None:
    kind = b"application/json"
    if reply.body is None:
        payload = b""
    elif isinstance(reply.body, bytes):
        payload, kind = reply.body, b"application/octet-stream"
    elif isinstance(reply.body, str):
        payload, kind = reply.body.encode(), b"text/plain; charset=utf-8"
    else:
        payload = encoder.encode(reply.body)
    headers = [
        (name.lower().encode(), value.encode("latin-1", "replace")) for name, value in reply.headers.items()
    ]
    if not any(name == b"content-type" for name, _ in headers) and (
        payload or reply.status not in (204, 304)
    ):
        headers.append((b"content-type", kind))
    if reply.status not in (204, 304):
        headers.append((b"content-length", str(len(payload)).encode()))
    if identity:
        headers.append((b"x-openstack-request-id", identity.encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else payload})
