# SPDX-License-Identifier: Apache-2.0
"""Authorities: made once, kept private, and each believed for its own purpose only."""

from __future__ import annotations

import datetime
import stat
from pathlib import Path

import pytest
from cryptography import x509

from samovar.loadbalancer.authorities import Authority, AuthorityError, Store, expires_at


def test_everything_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    directory = tmp_path / "loadbalancer"
    first = Store(directory)
    first.tls_context()
    keys = first.client_ca_pem(), first.heartbeat_key("a"), first.client_certificate().read_text()
    again = Store(directory)
    assert keys == (again.client_ca_pem(), again.heartbeat_key("a"), again.client_certificate().read_text())
    assert first.heartbeat_key("a") != first.heartbeat_key("b")
    for path in directory.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_an_amphora_has_its_id_as_name_and_its_days() -> None:
    pem = Authority.make("test").issue_server("amphora-1", datetime.timedelta(days=30))
    certificate = x509.load_pem_x509_certificate(pem.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["amphora-1"]
    left = expires_at(pem) - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(days=29) < left <= datetime.timedelta(days=30)


def test_no_key_is_shown() -> None:
    authority = Authority.make("test")
    assert "PRIVATE" not in repr(authority) and "key=" not in repr(authority)


def test_files_that_do_not_fit_are_refused_with_a_sentence(tmp_path: Path) -> None:
    one, other = Authority.make("one"), Authority.make("other")
    (tmp_path / "ca.pem").write_text(one.certificate_pem())
    (tmp_path / "ca.key").write_text(other.key_pem())
    with pytest.raises(AuthorityError, match=r"is not the key of"):
        Authority.read(tmp_path / "ca.pem", tmp_path / "ca.key")
    with pytest.raises(AuthorityError, match="No such file"):
        Authority.read(tmp_path / "gone.pem", tmp_path / "ca.key")
    (tmp_path / "ca.key").write_text("nonsense")
    with pytest.raises(AuthorityError, match="passphrase"):
        Authority.read(tmp_path / "ca.pem", tmp_path / "ca.key", "secret")
