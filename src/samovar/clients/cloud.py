# SPDX-License-Identifier: Apache-2.0
"""A Cloud: credentials, the catalog they give, and requests to its services."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import msgspec

from samovar.observability import span

from .credentials import Credentials
from .errors import CloudError, CloudUnreachable, ServiceNotInCatalog, seconds_of, words
from .finishing import to_its_end
from .transport import Body, RawAnswer, Transport

RENEW_BEFORE = datetime.timedelta(seconds=60)
TIMEOUT = 60.0
REMEMBER_SECONDS = 60.0
ALIASES: Mapping[str, Sequence[str]] = {
    "volumev3": ("block-storage", "volume"),
    "block-storage": ("volumev3",),
    "orchestration": ("heat",),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered: the decoded JSON, or bytes where it was something else."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Remembered(Protocol):
    """Where what a token gives is remembered for a while (samovar.cache.Cache)."""

    async def get(self, key: str) -> Any: ...
    async def set(self, key: str, value: Any, seconds: float) -> None: ...


class Cloud:
    """One identity's way into one cloud.

    `auth_url` is Identity's v3 root (``http://127.0.0.1:9090/identity/v3``). A token is got when it is
    first needed, again shortly before it expires, and once more when a service says 401.
    """

    def __init__(
        self,
        auth_url: str,
        credentials: Credentials,
        *,
        transport: Transport,
        region_name: str | None = None,
        interface: str = "public",
        remembered: Remembered | None = None,
    ) -> None:
        self.auth_url = auth_url.rstrip("/")
        self.credentials = credentials
        self.transport = transport
        self.region_name = region_name
        self.interface = interface
        self.permit: Callable[[], None] = lambda: None  # called before each request; may raise to forbid it
        self._token: str | None = None
        self._body: dict[str, Any] = {}
        self._remembered = remembered
        self._renewing = asyncio.Lock()

    async def token(self) -> str:
        """A token that is good for at least another minute."""
        await self._authenticate()
        assert self._token is not None
        return self._token

    async def project_id(self) -> str:
        """The project the credentials are scoped to. Raises LookupError without such a scope."""
        await self._authenticate()
        try:
            return str(self._body["project"]["id"])
        except KeyError:
            raise LookupError("These credentials have no project in their scope.") from None

    async def user_id(self) -> str:
        await self._authenticate()
        return str(self._body["user"]["id"])

    async def endpoint(self, service: str) -> str:
        """The URL of a service type (or name) in the catalog. Raises ServiceNotInCatalog.

        Identity is where the token comes from: its catalog entry may or may not name the version.
        """
        if service == "identity":
            return self.auth_url
        await self._authenticate()
        wanted = (service, *ALIASES.get(service, ()))
        for name in wanted:
            for entry in self._body.get("catalog", ()):
                if name not in (entry["type"], entry.get("name")):
                    continue
                for endpoint in entry["endpoints"]:
                    if endpoint["interface"] == self.interface and self.region_name in (
                        None,
                        endpoint.get("region_id"),
                        endpoint.get("region"),
                    ):
                        url = str(endpoint["url"]).rstrip("/")
                        # Catalogs give Identity's root with or without its version; paths here are v3's.
                        return f"{url}/v3" if service == "identity" and not url.endswith("/v3") else url
        raise ServiceNotInCatalog(service, self.region_name)

    async def has_service(self, service: str) -> bool:
        """Whether the catalog has an endpoint of this service type."""
        try:
            await self.endpoint(service)
        except ServiceNotInCatalog:
            return False
        return True

    async def request(
        self,
        service: str,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: Body = None,
        query: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        microversion: str | None = None,
        timeout: float = TIMEOUT,
    ) -> Answer:
        """Ask `service` (a catalog type) for ``method path``; `path` follows the catalog's endpoint.

        A `body` that comes in pieces is sent as it comes, and cannot be sent twice.
        Raises CloudError for any answer from 400 up, CloudUnreachable when there was none (a GET is
        tried twice more first), ServiceNotInCatalog.
        """
        for renewed in (False, True):
            url = await self.endpoint(service) + path
            if query:
                url += "?" + urlencode(query, doseq=True)
            sent = {"accept": "application/json", **(headers or {}), "x-auth-token": await self.token()}
            payload: Body = body
            if json is not None:
                payload = msgspec.json.encode(json)
                sent.setdefault("content-type", "application/json")
            if microversion is not None:
                sent["openstack-api-version"] = f"{service} {microversion}"
            with span(f"{method} {service}", path=path):
                raw = await self._send(method, url, sent, payload, timeout)
            once = body is not None and not isinstance(body, bytes)
            if raw.status != 401 or renewed or once or self.credentials.token is not None:
                break
            self._token = None
        return self._answer(raw, service, method, path)

    async def get(self, service: str, path: str, **options: Any) -> Any:
        """The decoded body of a GET."""
        return (await self.request(service, "GET", path, **options)).body

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: Body, timeout: float
    ) -> RawAnswer:
        attempts = 3 if method in ("GET", "HEAD") else 1
        for attempt in range(1, attempts + 1):
            self.permit()
            try:
                sending = self.transport.send(method, url, headers, body, timeout)
                return await (sending if attempts > 1 else to_its_end(sending))
            except CloudUnreachable:
                if attempt == attempts:
                    raise
                await asyncio.sleep(0.1 * 2**attempt)
        raise AssertionError("unreachable")

    @staticmethod
    def _answer(raw: RawAnswer, service: str, method: str, path: str) -> Answer:
        decoded: Any = raw.body
        if raw.body and "json" in raw.headers.get("content-type", ""):
            try:
                decoded = msgspec.json.decode(raw.body)
            except msgspec.DecodeError:
                decoded = raw.body
        elif not raw.body:
            decoded = None
        if raw.status >= 400:
            raise CloudError(
                raw.status,
                words(decoded, raw.status),
                service=service,
                method=method,
                path=path,
                request_id=raw.headers.get("x-openstack-request-id", "unknown"),
                body=decoded,
                retry_after=seconds_of(raw.headers.get("retry-after")),
            )
        return Answer(raw.status, decoded, raw.headers)

    async def _authenticate(self) -> None:
        if self._token is not None and not self._expiring():
            return
        async with self._renewing:
            if self._token is not None and not self._expiring():
                return
            auth = self.credentials.auth()
            if auth is None:
                given = self.credentials.token or ""
                if self._remembered is not None:
                    found = await self._remembered.get(f"catalog {self.auth_url} {given}")
                    if found is not None:
                        self._token, self._body = given, found
                        return
                headers = {"x-auth-token": given, "x-subject-token": given}
                raw = await self._send("GET", f"{self.auth_url}/auth/tokens", headers, None, TIMEOUT)
                answer = self._answer(raw, "identity", "GET", "/auth/tokens")
                self._token = given
                if self._remembered is not None:
                    key = f"catalog {self.auth_url} {given}"
                    await self._remembered.set(key, answer.body["token"], REMEMBER_SECONDS)
            else:
                payload = msgspec.json.encode({"auth": auth})
                kind = {"content-type": "application/json"}
                raw = await self._send("POST", f"{self.auth_url}/auth/tokens", kind, payload, TIMEOUT)
                answer = self._answer(raw, "identity", "POST", "/auth/tokens")
                self._token = answer.headers["x-subject-token"]
            self._body = answer.body["token"]

    def _expiring(self) -> bool:
        if self.credentials.token is not None:
            return False
        expires = datetime.datetime.fromisoformat(self._body["expires_at"])
        return expires - datetime.datetime.now(datetime.UTC) < RENEW_BEFORE


def segment(value: str) -> str:
    """`value` as one step of a URL's path."""
    return quote(value, safe="")
