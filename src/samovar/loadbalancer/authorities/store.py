# SPDX-License-Identifier: Apache-2.0
"""What the controller proves itself with, and what it gives to amphorae: two authorities and one secret.

    server CA ─ signs ─▶ amphorae        the controller trusts it
    client CA ─ signs ─▶ controllers     amphorae trust it

An amphora that is broken into can therefore not speak to another one as if it were the controller.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import os
import secrets
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .authority import Authority, AuthorityError, expires_at

__all__ = ["CERTIFICATES", "CLIENT", "CLIENT_CA", "SERVER_CA", "Store"]

SERVER_CA, CLIENT_CA, CLIENT = "server_ca", "client_ca", "client.cert-and-key.pem"
CERTIFICATES = (f"{SERVER_CA}.cert.pem", f"{CLIENT_CA}.cert.pem")
CLIENT_NAME = "samovar-controller"
CLIENT_VALIDITY = datetime.timedelta(days=365)
RENEW_CLIENT_BEFORE = datetime.timedelta(days=30)


class Store:
    """Files of `directory`, named as Octavia's guide to certificates names them: server_ca.cert.pem,
    server_ca.key.pem, client_ca.cert.pem, client_ca.key.pem, client.cert-and-key.pem, and heartbeat.key; made
    when first needed, and read again when they were replaced.

    `server_ca` gives the operator's own authority, if any; the others name the operator's own files.
    """

    def __init__(
        self,
        directory: Path,
        *,
        server_ca: Callable[[], Authority | None] = lambda: None,
        client_ca: Path | None = None,
        client_cert: Path | None = None,
        heartbeat_key: str | None = None,
    ) -> None:
        self.directory = directory
        self._own_server_ca = server_ca
        self._server_ca: tuple[Any, Authority] | None = None
        self._client_ca_file, self._client_cert = client_ca, client_cert
        self._heartbeat_key = heartbeat_key

    @property
    def server_ca(self) -> Authority:
        version = self.version()
        if self._server_ca is None or self._server_ca[0] != version:
            found = self._own_server_ca() or Authority.kept(self.directory, SERVER_CA)
            self._server_ca = (self.version(), found)
        return self._server_ca[1]

    @property
    def owns_server_ca(self) -> bool:
        """Whether the authority of amphorae is ours, not the operator's."""
        return self._own_server_ca() is None

    def version(self) -> Any:
        """Another value when any of the files was replaced."""
        return tuple(_modified(self.directory / name) for name in (*CERTIFICATES, CLIENT))

    def make(self) -> None:
        """Everything that is not there yet."""
        _ = self.server_ca
        self.client_ca_pem()
        self.client_certificate()
        self._secret()

    def trusted_pem(self) -> str:
        """Who amphorae are believed by: the present authority and, while it is being replaced, the former."""
        path = self.directory / f"{SERVER_CA}.cert.pem"
        return path.read_text() if self.owns_server_ca else self.server_ca.certificate_pem()

    def client_ca_pem(self) -> str:
        """What amphorae believe controllers by."""
        if self._client_ca_file is not None:
            try:
                return self._client_ca_file.read_text()
            except OSError as error:
                raise AuthorityError(f"{self._client_ca_file}: {error.strerror}") from error
        Authority.kept(self.directory, CLIENT_CA)
        return (self.directory / f"{CLIENT_CA}.cert.pem").read_text()

    def replace_authority(self, name: str) -> None:
        """Make an authority anew; see Authority.replace. Raises AuthorityError for an operator's own."""
        if name == SERVER_CA and not self.owns_server_ca:
            raise AuthorityError(
                "The authority of amphorae is [certificates] ca_certificate: replace it there."
            )
        if name == CLIENT_CA and self._client_ca_file is not None:
            raise AuthorityError(
                "The authority of controllers is [controller_worker] client_ca: replace it there."
            )
        Authority.replace(self.directory, name)

    def renew_client(self) -> None:
        """Give the controllers another certificate, unless theirs is the operator's affair."""
        if self._client_cert is None:
            authority = Authority.kept(self.directory, CLIENT_CA)
            _keep(self.directory / CLIENT, authority.issue_client(CLIENT_NAME, CLIENT_VALIDITY))

    def client_certificate(self) -> Path:
        """The controller's own certificate with its key; renewed a month before its end."""
        if self._client_cert is not None:
            return self._client_cert
        path = self.directory / CLIENT
        soon = datetime.datetime.now(datetime.UTC) + RENEW_CLIENT_BEFORE
        if not path.exists() or expires_at(path.read_text()) < soon:
            self.renew_client()
        return path

    def tls_context(self) -> ssl.SSLContext:
        """How the controller speaks to amphorae; the name it asks for is the amphora's id."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _ = self.server_ca  # there from now on
        context.load_verify_locations(cadata=self.trusted_pem())
        context.load_cert_chain(self.client_certificate())
        return context

    def heartbeat_key(self, amphora_id: str) -> str:
        """The key that this amphora signs with, derived from the controllers' secret."""
        return hmac.new(self._secret(), f"heartbeat {amphora_id}".encode(), hashlib.sha256).hexdigest()

    def _secret(self) -> bytes:
        if self._heartbeat_key is None:
            path = self.directory / "heartbeat.key"
            if not path.exists():
                self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                _keep(path, secrets.token_hex(32))
            self._heartbeat_key = path.read_text()
        return self._heartbeat_key.encode()


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _keep(path: Path, content: str) -> None:
    """Write whole, for the owner only."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        os.fsync(file.fileno())
    os.rename(temporary, path)
