# SPDX-License-Identifier: Apache-2.0
"""Certificates in the key manager: read by their references, and checked to be what they should be.

A reference names a certificate container (certificate, private key, intermediates, passphrase) or a
secret that holds a PKCS#12 bundle without passphrase; CAs and revocation lists are secrets of PEM.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from samovar.clients import Cloud, CloudError, CloudUnreachable, ServiceNotInCatalog

SERVICE = "key-manager"
REFERENCE = re.compile(
    r"(?:https?://[^\s?#]*)?/?(?:v1/)?(secrets|containers)/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/?"
)


BLOCK = re.compile(r"-----BEGIN (CERTIFICATE|X509 CRL)-----[^-]*-----END \1-----")


class CertificateUnreadable(ValueError):
    """The reference cannot be followed or what is there is not what it should be; says why."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its key, all in PEM. The key is never printed."""

    certificate: str
    private_key: str = field(repr=False)
    intermediates: tuple[str, ...] = ()

    @property
    def bundle(self) -> str:
        """Certificate, intermediates and key in one text, as HAProxy reads them."""
        return "".join((self.certificate, *self.intermediates, self.private_key))

    @property
    def names(self) -> tuple[str, ...]:
        """The host names that the certificate is for: its alternative names, else its common name."""
        parsed = x509.load_pem_x509_certificate(self.certificate.encode())
        try:
            extension = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            found = extension.value.get_values_for_type(x509.DNSName)
        except x509.ExtensionNotFound:
            found = []
        if found:
            return tuple(found)
        common = parsed.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return tuple(str(name.value) for name in common)


def split(reference: str) -> tuple[str, str]:
    """``secrets`` or ``containers``, and the id. Raises CertificateUnreadable."""
    found = REFERENCE.fullmatch(reference)
    if found is None:
        raise CertificateUnreadable("it is no reference to a secret or a container")
    return found[1], found[2]


async def fetch_certificate(cloud: Cloud, reference: str) -> Certificate:
    """What the reference names, as `cloud`'s bearer may read it. Raises CertificateUnreadable."""
    kind, identity = split(reference)
    if kind == "secrets":
        return _from_pkcs12(await _payload(cloud, identity))
    container = await _ask(cloud, f"/containers/{identity}")
    if not isinstance(container, dict) or container.get("type") not in ("certificate", "generic"):
        raise CertificateUnreadable("the container is not one of type certificate")
    parts: dict[str, bytes] = {}
    for item in container.get("secret_refs", ()):
        name = str(item.get("name"))
        if name in ("certificate", "private_key", "intermediates", "private_key_passphrase"):
            parts[name] = await _payload(cloud, split(str(item.get("secret_ref")))[1])
    if "certificate" not in parts or "private_key" not in parts:
        raise CertificateUnreadable("the container lacks the certificate or the private key")
    return _from_parts(parts)


async def fetch_pem(cloud: Cloud, reference: str) -> str:
    """The text of a secret: CA certificates or a revocation list in PEM. Raises CertificateUnreadable."""
    kind, identity = split(reference)
    if kind != "secrets":
        raise CertificateUnreadable("it must be a secret, not a container")
    try:
        return (await _payload(cloud, identity)).decode("ascii")
    except UnicodeDecodeError:
        raise CertificateUnreadable("the secret does not hold PEM") from None


async def fetch_authority(cloud: Cloud, reference: str) -> str:
    """The certificates, or else the revocation lists, of a secret, in PEM and without whatever else stands
    there: HAProxy refuses a file in which it stumbles. Raises CertificateUnreadable."""
    given = await fetch_pem(cloud, reference)
    found = [block[0] for block in BLOCK.finditer(given)]
    if not found:
        raise CertificateUnreadable("the secret holds no certificate and no revocation list in PEM")
    try:
        return "".join(_canonical(block) for block in found)
    except ValueError:
        raise CertificateUnreadable("the secret holds a certificate or a list that cannot be read") from None


def _canonical(block: str) -> str:
    encoded = block.encode()
    if "X509 CRL" in block:
        return x509.load_pem_x509_crl(encoded).public_bytes(serialization.Encoding.PEM).decode()
    return x509.load_pem_x509_certificate(encoded).public_bytes(serialization.Encoding.PEM).decode()


async def grant(cloud: Cloud, reference: str, user_id: str) -> None:
    """Let `user_id` read what the reference names, by the owner's right. Raises CertificateUnreadable."""
    kind, identity = split(reference)
    await _allow(cloud, kind, identity, user_id)
    if kind == "containers":
        container = await _ask(cloud, f"/containers/{identity}")
        for item in container.get("secret_refs", ()):
            await _allow(cloud, "secrets", split(str(item.get("secret_ref")))[1], user_id)


async def _allow(cloud: Cloud, kind: str, identity: str, user_id: str) -> None:
    path = f"/{kind}/{identity}/acl"
    now = await _ask(cloud, path)
    read = now.get("read", {}) if isinstance(now, dict) else {}
    users = list(read.get("users") or ())
    if user_id not in users:
        wanted = {"read": {"users": [*users, user_id], "project-access": read.get("project-access", True)}}
        await _ask(cloud, path, method="PUT", json=wanted)


def check_authority(ca: str, crl: str | None) -> None:
    """Raise CertificateUnreadable unless `ca` holds certificates of which one signed the list `crl`."""
    try:
        authorities = x509.load_pem_x509_certificates(ca.encode())
    except ValueError:
        raise CertificateUnreadable("the CA is not a certificate in PEM") from None
    if crl is None:
        return
    try:
        revoked = x509.load_pem_x509_crl(crl.encode())
    except ValueError:
        raise CertificateUnreadable("the revocation list is not one in PEM") from None
    if not any(_signed(revoked, authority) for authority in authorities):
        raise CertificateUnreadable("the revocation list is not signed by the CA")


def _signed(revoked: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    key: Any = authority.public_key()
    try:
        return revoked.is_signature_valid(key)
    except (TypeError, ValueError):
        return False


async def _payload(cloud: Cloud, identity: str) -> bytes:
    accept = {"accept": "*/*"}
    found = await _ask(cloud, f"/secrets/{identity}/payload", headers=accept)
    if isinstance(found, str):
        return found.encode()
    if not isinstance(found, bytes):
        raise CertificateUnreadable("the secret has no payload")
    return found


async def _ask(cloud: Cloud, path: str, *, method: str = "GET", **options: Any) -> Any:
    try:
        endpoint = await cloud.endpoint(SERVICE)
        prefix = "" if endpoint.endswith("/v1") else "/v1"
        return (await cloud.request(SERVICE, method, prefix + path, **options)).body
    except CloudError as error:
        raise CertificateUnreadable(f"the key manager said: {error.message}") from error
    except (CloudUnreachable, ServiceNotInCatalog) as error:
        raise CertificateUnreadable(str(error)) from error


def _from_parts(parts: dict[str, bytes]) -> Certificate:
    passphrase = parts.get("private_key_passphrase") or None
    try:
        leaf = x509.load_pem_x509_certificate(parts["certificate"])
        key = serialization.load_pem_private_key(parts["private_key"], passphrase)
        chain = x509.load_pem_x509_certificates(parts["intermediates"]) if parts.get("intermediates") else []
    except (ValueError, TypeError):
        raise CertificateUnreadable("the container's parts are not PEM, or the passphrase is wrong") from None
    return _checked(leaf, key, chain)


def _from_pkcs12(payload: bytes) -> Certificate:
    candidates = [payload]
    with contextlib.suppress(binascii.Error, ValueError):
        candidates.append(base64.b64decode(payload, validate=True))
    for candidate in candidates:
        try:
            key, leaf, chain = pkcs12.load_key_and_certificates(candidate, None)
        except ValueError:
            continue
        if key is None or leaf is None:
            raise CertificateUnreadable("the PKCS#12 bundle lacks the certificate or the private key")
        return _checked(leaf, key, chain)
    raise CertificateUnreadable("the secret is not a PKCS#12 bundle without passphrase")


def _checked(leaf: x509.Certificate, key: Any, chain: list[x509.Certificate]) -> Certificate:
    def public(value: Any) -> bytes:
        data: bytes = value.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return data

    if public(leaf.public_key()) != public(key.public_key()):
        raise CertificateUnreadable("the private key is not that of the certificate")

    def pem(value: x509.Certificate) -> str:
        return value.public_bytes(serialization.Encoding.PEM).decode()

    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Certificate(pem(leaf), private.decode(), tuple(pem(item) for item in chain))
