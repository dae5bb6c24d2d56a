# SPDX-License-Identifier: Apache-2.0
"""A certificate authority: its key, and the certificates it issues. Nothing here prints a key."""

from __future__ import annotations

import datetime
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Authority", "AuthorityError", "expires_at"]

PEM = serialization.Encoding.PEM
AUTHORITY_YEARS = 10
BACKDATED = datetime.timedelta(hours=1)
Digest = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
DIGESTS: dict[str, type[Digest]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class AuthorityError(Exception):
    """An authority cannot be read or used; the message says which file and what to do."""


@dataclass(frozen=True)
class Authority:
    """`certificate_pem` may be shown to anybody; the key stays here."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)
    digest: str = "sha256"

    @classmethod
    def read(
        cls, certificate: Path, key: Path, passphrase: str | None = None, *, digest: str = "sha256"
    ) -> Authority:
        """The authority in these files. Raises AuthorityError."""
        try:
            parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
            secret = serialization.load_pem_private_key(
                key.read_bytes(), passphrase.encode() if passphrase else None
            )
        except OSError as error:
            raise AuthorityError(f"{error.filename}: {error.strerror}") from error
        except (ValueError, TypeError):
            raise AuthorityError(
                f"{certificate} and {key} hold no certificate with its key, or the passphrase is not its."
            ) from None
        if not isinstance(secret, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise AuthorityError(f"{key}: use an RSA or elliptic-curve key.")
        if parsed.public_key() != secret.public_key():
            raise AuthorityError(f"{key} is not the key of {certificate}.")
        if digest not in DIGESTS:
            raise AuthorityError(
                f"[certificates] signing_digest: {digest!r} is none of {', '.join(DIGESTS)}."
            )
        return cls(parsed, secret, digest)

    @classmethod
    def kept(cls, directory: Path, name: str) -> Authority:
        """The authority `name` of a directory, made when it is not there. Its key is the owner's alone."""
        certificate, key = directory / f"{name}.cert.pem", directory / f"{name}.key.pem"
        if not certificate.exists():
            cls.replace(directory, name)
        return cls.read(certificate, key)

    @classmethod
    def replace(cls, directory: Path, name: str) -> None:
        """Make the authority `name` anew. One that was there before stays trusted, until `forget_former`."""
        certificate, key = directory / f"{name}.cert.pem", directory / f"{name}.key.pem"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        former = certificate.read_text() if certificate.exists() else ""
        made = cls.make(f"Samovar {name.replace('_', ' ')}")
        _write(key, made.key_pem())
        _write(certificate, made.certificate_pem() + former)

    @classmethod
    def forget_former(cls, directory: Path, name: str) -> None:
        """Trust only the present authority `name`."""
        _write(directory / f"{name}.cert.pem", cls.kept(directory, name).certificate_pem())

    @classmethod
    def make(cls, name: str) -> Authority:
        """A new authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now + datetime.timedelta(days=365 * AUTHORITY_YEARS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    def certificate_pem(self) -> str:
        return self.certificate.public_bytes(PEM).decode()

    def key_pem(self) -> str:
        return self.key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def issue_server(self, name: str, validity: datetime.timedelta) -> str:
        """Key and certificate (one PEM) of the amphora `name`, which is its id."""
        return self._issue(name, validity, ExtendedKeyUsageOID.SERVER_AUTH)

    def issue_client(self, name: str, validity: datetime.timedelta) -> str:
        """Key and certificate (one PEM) of a controller."""
        return self._issue(name, validity, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _issue(self, name: str, validity: datetime.timedelta, purpose: x509.ObjectIdentifier) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        issuer = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(min(now + validity, self.certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer.value), critical=False
            )
            .sign(self.key, DIGESTS[self.digest]())
        )
        secret = key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        return certificate.public_bytes(PEM).decode() + secret


def expires_at(pem: str) -> datetime.datetime:
    """Until when the (first) certificate of `pem` is good."""
    return x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, content: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        os.fsync(file.fileno())
    os.rename(temporary, path)
