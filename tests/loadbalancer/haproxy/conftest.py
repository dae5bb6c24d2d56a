# SPDX-License-Identifier: Apache-2.0
"""A directory as an amphora has it: certificates, and a HAProxy that judges configurations."""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from samovar.loadbalancer.haproxy import Place, Rendered

REFERENCES = ("ref-default", "ref-other", "ref-ca")


def make_pem(name: str, path: Path) -> None:
    """A self-signed certificate with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    directory = tmp_path_factory.mktemp("amphora")
    (directory / "certificates").mkdir()
    for reference in REFERENCES:
        make_pem(f"{reference}.example.org", directory / "certificates" / f"{reference}.pem")
    (directory / "check-ping").write_text("#!/bin/sh\nexit 0\n")
    (directory / "check-ping").chmod(0o755)
    return Place(
        directory=str(directory),
        files={reference: f"{reference}.pem" for reference in REFERENCES},
        most_connections=1000,
    )


@pytest.fixture(scope="session")
def judge(place: Place) -> Callable[[Rendered], str]:
    """What ``haproxy -c`` says against a configuration; "" when nothing."""

    def say(rendered: Rendered) -> str:
        for name, content in rendered.files.items():
            Path(place.certificate(name)).write_text(content)
        path = Path(place.directory) / "haproxy.cfg"
        path.write_text(rendered.text)
        ran = subprocess.run(["haproxy", "-c", "-f", str(path)], capture_output=True, text=True, check=False)
        output = ran.stdout + ran.stderr
        return "" if ran.returncode == 0 and "[ALERT]" not in output else output + rendered.text

    return say
