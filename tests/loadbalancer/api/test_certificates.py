# SPDX-License-Identifier: Apache-2.0
"""Listeners and pools with TLS: what is in the key manager is read, checked, and readable for the worker."""

import base64
import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from samovar.clients import Cloud, TokenCredentials
from samovar.loadbalancer.certificates import fetch_certificate

PEM = serialization.Encoding.PEM


def named(name):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def certificate(name, key, issuer=None, issuer_key=None):
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=named(issuer or name),
        subject_name=named(name),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now,
        not_valid_after=now + datetime.timedelta(days=1),
    )
    return builder.sign(issuer_key or key, hashes.SHA256())


def revocations(issuer, key):
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateRevocationListBuilder(named(issuer), now, now + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(PEM).decode()


def private(key):
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


KEY, OTHER_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
LEAF = certificate("www.example", KEY)


@pytest.fixture
def keys(member):
    return member.at("/key-manager/v1")


async def store(keys, payload, kind="text/plain"):
    body = {"payload": payload, "payload_content_type": kind}
    if kind != "text/plain":
        body["payload_content_encoding"] = "base64"
    status, made = await keys.ask("POST", "/secrets", body)
    assert status == 201, made
    return made["secret_ref"]


async def bundle(keys, key=KEY):
    content = pkcs12.serialize_key_and_certificates(b"", key, LEAF, None, serialization.NoEncryption())
    return await store(keys, base64.b64encode(content).decode(), "application/octet-stream")


async def container(keys, key=KEY):
    parts = {"certificate": LEAF.public_bytes(PEM).decode(), "private_key": private(key)}
    refs = [{"name": name, "secret_ref": await store(keys, text)} for name, text in parts.items()]
    status, made = await keys.ask("POST", "/containers", {"type": "certificate", "secret_refs": refs})
    assert status == 201, made
    return made["container_ref"]


async def test_a_listener_that_ends_tls(member, keys, lb, cloud, worker):
    first, second = await bundle(keys), await container(keys)
    made = await member.create(
        "listeners",
        loadbalancer_id=lb["id"],
        protocol="TERMINATED_HTTPS",
        protocol_port=443,
        default_tls_container_ref=first,
        sni_container_refs=[second],
        hsts_max_age=60,
        insert_headers={"X-SSL-Client-CN": "true"},
    )
    assert made["tls_versions"] == ["TLSv1.2", "TLSv1.3"]
    assert made["alpn_protocols"] == ["h2", "http/1.1", "http/1.0"]
    assert "ECDHE-RSA-AES128-GCM-SHA256" in made["tls_ciphers"]
    await worker.work()
    tls = worker.trees[-1].listeners[0].tls
    own = Cloud("http://h:1/identity/v3", TokenCredentials("octavia"), transport=cloud)
    for reference in (tls.certificate, *tls.sni):
        found = await fetch_certificate(own, reference)
        assert found.names == ("www.example",)
        assert "PRIVATE KEY" in found.bundle and "PRIVATE" not in repr(found)


async def test_references_that_lead_nowhere(member, other, keys, lb):
    foreign = await bundle(other.at("/key-manager/v1"))
    mixed = await container(keys, OTHER_KEY)
    plain = await store(keys, "not a bundle")
    for reference in (foreign, mixed, plain, f"{foreign[:-4]}0000", "http://elsewhere/v1/secrets/x", "words"):
        body = {
            "loadbalancer_id": lb["id"],
            "protocol": "TERMINATED_HTTPS",
            "protocol_port": 443,
            "default_tls_container_ref": reference,
        }
        status, words = await member.refused("POST", "/listeners", {"listener": body})
        assert status == 400 and words.startswith(f"Could not retrieve certificate: ['{reference}']")


async def test_clients_with_certificates(member, keys, lb):
    ca = await store(keys, certificate("ca", KEY).public_bytes(PEM).decode())
    good, bad = await store(keys, revocations("ca", KEY)), await store(keys, revocations("ca", OTHER_KEY))
    body = {
        "loadbalancer_id": lb["id"],
        "protocol": "TERMINATED_HTTPS",
        "protocol_port": 443,
        "default_tls_container_ref": await bundle(keys),
        "client_authentication": "MANDATORY",
    }
    assert (await member.refused("POST", "/listeners", {"listener": body}))[0] == 400
    body["client_ca_tls_container_ref"] = ca
    refused = {"listener": {**body, "client_crl_container_ref": bad}}
    status, words = await member.refused("POST", "/listeners", refused)
    assert status == 400 and "not signed by the CA" in words
    made = await member.create("listeners", **body, client_crl_container_ref=good)
    path = f"/listeners/{made['id']}"
    shown = await member.put(path, listener={"tls_ciphers": "ECDHE-RSA-AES128-GCM-SHA256"})
    assert shown["listener"]["tls_ciphers"] == "ECDHE-RSA-AES128-GCM-SHA256"
    shown = await member.put(path, listener={"tls_ciphers": None, "tls_versions": ["TLSv1.3"]})
    assert "AES256" in shown["listener"]["tls_ciphers"] and shown["listener"]["tls_versions"] == ["TLSv1.3"]
    for wrong in (
        {"tls_ciphers": "a b"},
        {"tls_ciphers": "NO-SUCH"},
        {"tls_ciphers": "TLS_NOPE"},
        {"tls_versions": []},
        {"client_ca_tls_container_ref": None},
    ):
        assert (await member.refused("PUT", path, {"listener": wrong}))[0] == 400


async def test_clients_need_no_certificate_any_more(member, keys, lb):
    body = {
        "loadbalancer_id": lb["id"],
        "protocol": "TERMINATED_HTTPS",
        "protocol_port": 443,
        "default_tls_container_ref": await bundle(keys),
        "client_ca_tls_container_ref": await store(keys, certificate("ca", KEY).public_bytes(PEM).decode()),
        "client_authentication": "MANDATORY",
    }
    made = await member.create("listeners", **body)
    path = f"/listeners/{made['id']}"
    away = {"client_authentication": None, "client_ca_tls_container_ref": None}
    shown = (await member.put(path, listener=away))["listener"]
    assert (shown["client_authentication"], shown["client_ca_tls_container_ref"]) == ("NONE", None)
    status, words = await member.refused("PUT", path, {"listener": {"client_authentication": None}})
    assert status == 400 and "client_authentication" in words


async def test_a_pool_that_speaks_tls(member, keys, lb, worker):
    ca = await store(keys, certificate("ca", KEY).public_bytes(PEM).decode())
    await member.create(
        "pools",
        loadbalancer_id=lb["id"],
        protocol="HTTP",
        lb_algorithm="ROUND_ROBIN",
        tls_enabled=True,
        ca_tls_container_ref=ca,
    )
    await worker.work()
    assert worker.trees[-1].pools[0].tls.ca == ca


async def test_figures_may_be_behind_tls(member, lb, keys, worker):
    """A PROMETHEUS listener with a certificate ends TLS, and may ask clients for theirs."""
    path, wanted = (
        "/listeners",
        {"loadbalancer_id": lb["id"], "protocol": "PROMETHEUS", "protocol_port": 9443},
    )
    authority = await store(keys, LEAF.public_bytes(PEM).decode())
    asking = {"client_authentication": "MANDATORY", "client_ca_tls_container_ref": authority}
    status, words = await member.refused("POST", path, {"listener": {**wanted, **asking}})
    assert status == 400 and "without one" in words
    made = await member.create("listeners", **wanted, **asking, default_tls_container_ref=await bundle(keys))
    assert made["tls_versions"] == ["TLSv1.2", "TLSv1.3"]
    await worker.work()
    (listener,) = worker.trees[-1].listeners
    assert listener.tls is not None and listener.tls.client_authentication == "MANDATORY"
