# SPDX-License-Identifier: Apache-2.0
"""Which brokers there are, as a transport_url or the older rabbit_* options name them."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from samovar.config import MessagingSettings, OptionsError

NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
SCHEMES = ("rabbit", "amqp", "kombu", "kombu+amqp", "amqps")
IN_PROCESS = ("", "fake", "memory", "kombu+memory", "local")


@dataclass(frozen=True, slots=True)
class Broker:
    """One address of a broker and who we are there."""

    host: str
    port: int
    user: str
    password: str
    virtual_host: str

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def brokers_of(settings: MessagingSettings) -> list[Broker]:
    """All brokers; none where messages stay in the process. Raises OptionsError."""
    if not NAME.fullmatch(settings.control_exchange):
        raise OptionsError(
            f"[DEFAULT] control_exchange: {settings.control_exchange!r} is not a name of up to 100 letters, "
            "digits, and . _ - that queues can begin with"
        )
    if settings.transport_url:
        return _of_url(settings.transport_url, settings)
    hosts = settings.rabbit_hosts or ([settings.rabbit_host] if settings.rabbit_host else [])
    return [_of_place(place, settings, settings.rabbit_virtual_host) for place in hosts]


def encryption(settings: MessagingSettings) -> ssl.SSLContext | None:
    """How to speak TLS to the brokers; None: not at all. Raises OptionsError."""
    url = urlsplit(settings.transport_url or "")
    if not (settings.ssl or url.scheme == "amqps" or "ssl=1" in url.query.lower().split("&")):
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ssl_ca_file)
        if settings.ssl_cert_file:
            context.load_cert_chain(settings.ssl_cert_file, settings.ssl_key_file)
    except OSError as error:
        raise OptionsError(f"[oslo_messaging_rabbit] ssl files: {error}") from error
    return context


def _of_url(url: str, settings: MessagingSettings) -> list[Broker]:
    parts = urlsplit(url)
    if parts.scheme in IN_PROCESS:
        return []
    if parts.scheme not in SCHEMES:
        raise OptionsError(
            f"[DEFAULT] transport_url: {parts.scheme}:// is no broker that Samovar speaks to; "
            "write rabbit://user:password@host:port/virtual_host"
        )
    virtual_host = unquote(parts.path[1:]) or "/"
    places = [place for place in parts.netloc.split(",") if place]
    if not places:
        raise OptionsError("[DEFAULT] transport_url names no host; write rabbit://user:password@host:port/")
    found = []
    user, password = settings.rabbit_userid, settings.rabbit_password
    for place in places:
        who, at, where = place.rpartition("@")
        if at:
            user, _, password = (unquote(part) for part in who.partition(":"))
        broker = _of_place(where, settings, virtual_host)
        found.append(Broker(broker.host, broker.port, user, password, virtual_host))
    return found


def _of_place(place: str, settings: MessagingSettings, virtual_host: str) -> Broker:
    try:
        parts = urlsplit(f"//{place}")
        host, port = parts.hostname, parts.port or settings.rabbit_port
    except ValueError as error:
        raise OptionsError(f"The broker's address {place!r} cannot be read: {error}.") from error
    if not host:
        raise OptionsError(f"The broker's address {place!r} has no host.")
    return Broker(host, port, settings.rabbit_userid, settings.rabbit_password, virtual_host)
