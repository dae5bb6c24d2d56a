# SPDX-License-Identifier: Apache-2.0
"""Containers of secrets."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    check,
    list_attr,
    map_attr,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

CERTIFICATE_CONTAINER = ResourceType(
    name="OS::Barbican::CertificateContainer",
    description="A certificate, its key and its chain, kept together by the key manager.",
    support=since("6.0.0"),
    service="barbican",
    entity="containers",
    properties={
        "certificate_ref": string("Certificate ref.", check("barbican.secret")),
        "intermediates_ref": string("Intermediates ref.", check("barbican.secret")),
        "name": string("Name; made from the stack and resource names when it is left out."),
        "private_key_passphrase_ref": string("Private key passphrase ref.", check("barbican.secret")),
        "private_key_ref": string("Private key ref.", check("barbican.secret")),
    },
    attributes={
        "consumers": list_attr("Consumers."),
        "container_ref": string_attr("Container ref."),
        "secret_refs": map_attr("Secret refs."),
        "status": string_attr("Its state."),
    },
)


GENERIC_CONTAINER = ResourceType(
    name="OS::Barbican::GenericContainer",
    description="A named collection of secrets.",
    support=since("6.0.0"),
    service="barbican",
    entity="containers",
    properties={
        "name": string("Name; made from the stack and resource names when it is left out."),
        "secrets": records(
            "Secrets.",
            {
                "name": string("Name; made from the stack and resource names when it is left out.", REQUIRED),
                "ref": string("Ref.", REQUIRED, check("barbican.secret")),
            },
        ),
    },
    attributes={
        "consumers": list_attr("Consumers."),
        "container_ref": string_attr("Container ref."),
        "secret_refs": map_attr("Secret refs."),
        "status": string_attr("Its state."),
    },
)


RSACONTAINER = ResourceType(
    name="OS::Barbican::RSAContainer",
    description="An RSA key pair and its passphrase, kept together by the key manager.",
    support=since("6.0.0"),
    service="barbican",
    entity="containers",
    properties={
        "name": string("Name; made from the stack and resource names when it is left out."),
        "private_key_passphrase_ref": string("Private key passphrase ref.", check("barbican.secret")),
        "private_key_ref": string("Private key ref.", check("barbican.secret")),
        "public_key_ref": string("Public key ref.", check("barbican.secret")),
    },
    attributes={
        "consumers": list_attr("Consumers."),
        "container_ref": string_attr("Container ref."),
        "secret_refs": map_attr("Secret refs."),
        "status": string_attr("Its state."),
    },
)


TYPES = (
    CERTIFICATE_CONTAINER,
    GENERIC_CONTAINER,
    RSACONTAINER,
)
