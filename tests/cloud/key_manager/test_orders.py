# SPDX-License-Identifier: Apache-2.0
"""Orders: keys and key pairs that the key manager makes; and the keys that it encrypts with."""

import base64
import os

import pytest
from cryptography.hazmat.primitives import serialization

from samovar.cloud.key_manager.vault import Vault, VaultError
from samovar.config import KeyManagerSettings, load


async def order(ask, kind, status=202, **meta):
    return await ask("ann", "POST", "/v1/orders", {"type": kind, "meta": meta}, status)


async def payload(ask, reference, accept="application/octet-stream"):
    return await ask("ann", "GET", f"{reference}/payload", accept=accept)


async def test_a_key_is_made_and_kept(ask):
    made = await order(ask, "key", name="k", algorithm="aes", bit_length=256, mode="cbc")
    shown = await ask("ann", "GET", made["order_ref"])
    assert (shown["status"], shown["type"], shown["meta"]["algorithm"]) == ("ACTIVE", "key", "aes")
    assert len(await payload(ask, shown["secret_ref"])) == 32
    secret = await ask("ann", "GET", shown["secret_ref"])
    assert (secret["name"], secret["secret_type"], secret["bit_length"]) == ("k", "symmetric", 256)
    assert (await ask("ann", "GET", "/v1/orders"))["total"] == 1
    assert (await ask("eve", "GET", "/v1/orders"))["total"] == 0
    await ask("eve", "GET", made["order_ref"], status=403)
    await ask("rita", "DELETE", made["order_ref"], status=403)
    await ask("ann", "DELETE", made["order_ref"], status=204)
    await ask("ann", "GET", made["order_ref"], status=404)
    await ask("ann", "GET", shown["secret_ref"])


async def test_a_key_pair_is_a_container(ask):
    made = await order(ask, "asymmetric", algorithm="RSA", bit_length=2048, pass_phrase="open sesame")
    shown = await ask("ann", "GET", made["order_ref"])
    assert "sesame" not in str(shown)
    box = await ask("ann", "GET", shown["container_ref"])
    parts = {item["name"]: item["secret_ref"] for item in box["secret_refs"]}
    assert box["type"] == "rsa" and set(parts) == {"public_key", "private_key", "private_key_passphrase"}
    assert await payload(ask, parts["private_key_passphrase"], "text/plain") == b"open sesame"
    private = serialization.load_pem_private_key(await payload(ask, parts["private_key"]), b"open sesame")
    public = serialization.load_pem_public_key(await payload(ask, parts["public_key"]))
    assert private.public_key() == public


@pytest.mark.parametrize(
    ("kind", "meta"),
    [
        ("certificate", {}),
        ("cake", {}),
        ("key", {"algorithm": "aes"}),
        ("key", {"algorithm": "aes", "bit_length": 100}),
        ("key", {"algorithm": "rot13", "bit_length": 128}),
        ("key", {"algorithm": "hmacsha256", "bit_length": 129}),
        ("key", {"algorithm": "hmacsha256", "bit_length": 2**40}),
        ("key", {"algorithm": "aes", "bit_length": 128, "pass_phrase": "p"}),
        ("key", {"algorithm": "aes", "bit_length": 128, "wings": 2}),
        ("key", {"algorithm": "aes", "bit_length": 128, "expiration": "yesterday"}),
        ("key", {"algorithm": "aes", "bit_length": 128, "payload_content_type": "text/plain"}),
        ("asymmetric", {"algorithm": "rsa", "bit_length": 512}),
    ],
)
async def test_what_cannot_be_ordered_is_refused(ask, kind, meta):
    refused = await order(ask, kind, 400, **meta)
    assert refused["description"].endswith(".")


async def test_the_first_key_seals_and_older_ones_open(tmp_path, serve):
    def caller(*keys):
        return serve(key_manager=KeyManagerSettings(kek=list(keys)))

    first, second = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    secret = {"payload": "tea", "payload_content_type": "text/plain"}
    refs = [
        (await caller(*keys)("ann", "POST", "/v1/secrets", secret, 201))["secret_ref"]
        for keys in ((), (first,), (second, first))
    ]
    for reference in refs:
        assert await payload(caller(second, first), reference, "text/plain") == b"tea"
    refused = await caller(first)("ann", "GET", f"{refs[2]}/payload", status=503, accept="text/plain")
    assert "another key" in str(refused)
    with pytest.raises(VaultError, match="32 bytes"):
        Vault.of(tmp_path, ["c2hvcnQ="])
    with pytest.raises(VaultError, match="base64"):
        Vault.of(tmp_path, ["not base64 at all"])


def test_the_keys_are_given_as_barbican_has_them(tmp_path):
    file = tmp_path / "barbican.conf"
    file.write_text("[simple_crypto_plugin]\nkek = QUFB\nkek = QkJC\n")
    assert load(tmp_path, [file]).key_manager.kek == ["QUFB", "QkJC"]
