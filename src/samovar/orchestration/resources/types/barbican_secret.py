# SPDX-License-Identifier: Apache-2.0
"""Secrets and orders of the key manager."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    SECRET,
    allowed,
    at_least,
    check,
    integer,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

ORDER = ResourceType(
    name="OS::Barbican::Order",
    description="Asks the key manager to make a key, a key pair or a certificate.",
    support=since("2014.2"),
    service="barbican",
    entity="orders",
    properties={
        "algorithm": string("Algorithm."),
        "bit_length": integer("Bit length."),
        "ca_id": string("Id of the CA.", since("5.0.0")),
        "expiration": string("Expiration.", check("expiration")),
        "mode": string("Mode."),
        "name": string("Name; made from the stack and resource names when it is left out."),
        "pass_phrase": string("Pass phrase.", since("5.0.0")),
        "payload_content_type": string("Payload content type."),
        "profile": string("Profile.", since("5.0.0")),
        "request_data": string("Request data.", since("5.0.0")),
        "request_type": string(
            "Request type.", allowed("stored-key", "simple-cmc", "custom"), since("5.0.0")
        ),
        "source_container_ref": string("Source container ref.", check("barbican.container"), since("5.0.0")),
        "subject_dn": string("Subject DN.", since("5.0.0")),
        "type": string("Its type.", REQUIRED, allowed("key", "asymmetric", "certificate"), since("5.0.0")),
    },
    attributes={
        "certificate": string_attr("Certificate.", since("5.0.0")),
        "container_ref": string_attr("Container ref.", since("5.0.0")),
        "intermediates": string_attr("Intermediates.", since("5.0.0")),
        "order_ref": string_attr("Order ref."),
        "private_key": string_attr("Private key.", since("5.0.0")),
        "public_key": string_attr("Public key.", since("5.0.0")),
        "secret_ref": string_attr("Secret ref."),
        "status": string_attr("Its state."),
    },
)


SECRET_TYPE = ResourceType(
    name="OS::Barbican::Secret",
    description="A secret kept by the key manager.",
    support=since("2014.2"),
    service="barbican",
    entity="secrets",
    properties={
        "algorithm": string("Algorithm."),
        "bit_length": integer("Bit length.", at_least(0)),
        "expiration": string("Expiration.", check("expiration")),
        "mode": string("Mode."),
        "name": string("Name; made from the stack and resource names when it is left out."),
        "payload": string("Payload.", SECRET),
        "payload_content_encoding": string("Payload content encoding.", allowed("base64")),
        "payload_content_type": string(
            "Payload content type.", allowed("text/plain", "application/octet-stream")
        ),
        "secret_type": string(
            "Secret type.",
            allowed("symmetric", "public", "private", "certificate", "passphrase", "opaque"),
            since("5.0.0"),
            default="opaque",
        ),
    },
    attributes={
        "decrypted_payload": string_attr("Decrypted payload."),
        "status": string_attr("Its state."),
    },
)


TYPES = (
    ORDER,
    SECRET_TYPE,
)
