# SPDX-License-Identifier: Apache-2.0
"""Certificates with hostile names, and containers with hostile words: refused with a sentence, or harmless."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from samovar.clients import Cloud, TokenCredentials
from samovar.loadbalancer import load_tree
from samovar.loadbalancer.haproxy import Place, render
from samovar.loadbalancer.worker.materials import fetch

from .test_certificates import KEY, PEM, certificate, private, store

EVIL = "x\n    server evil 192.0.2.1:80"
NAMES = (EVIL, "%[env(HOME)]", "a b", 'a"b', "a'b#", "../../../etc/passwd", "a/b", "é\u202e", "*", "x" * 64)
ALTERNATIVES = (*(name for name in NAMES if name.isascii()), "\x00", "-f /etc/passwd", "*.*.org", "a" * 5000)


@pytest.fixture
def keys(member):
    return member.at("/key-manager/v1")


def leaf(common, alternatives=()):
    made = certificate("ca", KEY)
    builder = x509.CertificateBuilder(
        issuer_name=made.subject,
        subject_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)]),
        public_key=KEY.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=made.not_valid_before_utc,
        not_valid_after=made.not_valid_after_utc,
    )
    if alternatives:
        names = [x509.DNSName(each) for each in alternatives]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(PEM).decode()


async def contained(keys, parts, name="box", extra=()):
    refs = [{"name": part, "secret_ref": await store(keys, text)} for part, text in parts.items()]
    refs += [{"name": each, "secret_ref": refs[0]["secret_ref"]} for each in extra]
    body = {"type": "generic", "name": name, "secret_refs": refs}
    status, made = await keys.ask("POST", "/containers", body)
    assert status == 201, made
    return made["container_ref"]


async def listening(member, lb, port, reference):
    """Whether the API takes the reference; a refusal is one line."""
    body = {"loadbalancer_id": lb["id"], "protocol": "TERMINATED_HTTPS", "protocol_port": port}
    body["default_tls_container_ref"] = reference
    status, shown = await member.ask("POST", "/listeners", {"listener": body})
    assert status in (201, 400), shown
    assert status == 201 or "\n" not in shown["faultstring"], shown
    return status == 201


async def rendered(database, cloud, lb, place):
    """The configuration with the files that it names, and what HAProxy has against it."""
    own = Cloud("http://h:1/identity/v3", TokenCredentials("octavia"), transport=cloud)
    tree = await database.read(lambda connection: load_tree(connection, lb["id"]))
    found = await fetch(own, tree)
    folder = Path(place) / "certificates"
    folder.mkdir(exist_ok=True)
    made = render(tree, Place(directory=str(place), files=found.names, most_connections=100))
    for name, text in {**found.contents, **made.files}.items():
        assert "/" not in name and ".." not in name
        (folder / name).write_text(text)
    path = Path(place) / "haproxy.cfg"
    path.write_text(made.text)
    done = subprocess.run(["haproxy", "-c", "-f", str(path)], capture_output=True, text=True, check=False)  # noqa: ASYNC221
    return made.text, done.stderr if done.returncode else ""


async def test_names_in_certificates_are_names_only(member, keys, lb, worker, database, cloud, tmp_path):
    port = 1000
    for common, alternatives in (
        *((name, ()) for name in NAMES),
        *(("tea", (each,)) for each in ALTERNATIVES),
    ):
        parts = {"certificate": leaf(common, alternatives), "private_key": private(KEY)}
        port += 1
        assert await listening(member, lb, port, await contained(keys, parts)), (common, alternatives)
    text, complaint = await rendered(database, cloud, lb, tmp_path)
    assert complaint == "", complaint
    assert text.count(" crt-list ") == len(NAMES) + len(ALTERNATIVES)
    assert "evil" not in text and "passwd" not in text


async def test_names_of_containers_and_their_parts_go_nowhere(
    member, keys, lb, worker, database, cloud, tmp_path
):
    parts = {"certificate": leaf("tea"), "private_key": private(KEY)}
    hostile = ("../../../etc/haproxy/evil.pem", "%s", "\u202e")
    for number, name in enumerate(hostile):
        reference = await contained(keys, parts, name=name, extra=[name])
        assert await listening(member, lb, 2000 + number, reference)
        for wrong in (
            f"{reference}?x=\n",
            f"{reference}/../../secrets",
            reference + "\x00",
            f" {reference}",
            f"{reference}#x",
        ):
            assert not await listening(member, lb, 3000, wrong), wrong
    text, complaint = await rendered(database, cloud, lb, tmp_path)
    assert complaint == "" and "evil" not in text, complaint


@pytest.mark.parametrize(
    "broken",
    [
        {"certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
        {"certificate": "\x00"},
        {"certificate": leaf("tea") + "\n    server evil 192.0.2.1:80\n"},
        {"private_key": private(ec.generate_private_key(ec.SECP256R1()))},
        {"private_key": private(KEY)[:100]},
        {"private_key_passphrase": "not needed\n%s"},
        {"intermediates": "# nothing\n"},
        {"intermediates": leaf("ca") * 60},
    ],
)  # fmt: skip
async def test_parts_that_are_broken(member, keys, lb, worker, database, cloud, tmp_path, broken):
    parts = {"certificate": leaf("tea"), "private_key": private(KEY)} | broken
    taken = await listening(member, lb, 443, await contained(keys, parts))
    text, complaint = await rendered(database, cloud, lb, tmp_path)
    assert complaint == "" and "evil" not in text, complaint
    assert taken is (next(iter(broken)) == "intermediates" and broken["intermediates"] != "# nothing\n") or (
        "evil" in str(broken) and taken
    )


async def test_an_authority_may_be_full_of_other_words(member, keys, lb, worker, database, cloud, tmp_path):
    authority = certificate("ca", KEY).public_bytes(PEM).decode()
    parts = {"certificate": leaf("tea"), "private_key": private(KEY)}
    body = {
        "loadbalancer_id": lb["id"],
        "protocol": "TERMINATED_HTTPS",
        "protocol_port": 443,
        "default_tls_container_ref": await contained(keys, parts),
        "client_authentication": "MANDATORY",
    }
    for text in (
        f"{EVIL}\n{authority}",
        f"{authority}{private(KEY)}",
        f"\x00{authority}",
        f"%s\n{authority * 30}",
    ):
        body["client_ca_tls_container_ref"] = await store(keys, text)
        body["protocol_port"] += 1
        status, shown = await member.ask("POST", "/listeners", {"listener": body})
        assert status in (201, 400), shown
    text, complaint = await rendered(database, cloud, lb, tmp_path)
    assert complaint == "" and "evil" not in text, complaint
