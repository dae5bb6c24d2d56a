# SPDX-License-Identifier: Apache-2.0
"""References to the key manager, as a request gives them: readable for the caller and for this service."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from samovar.clients import CloudError, CloudUnreachable
from samovar.web import Call

from ..certificates import CertificateUnreadable, check_authority, fetch_certificate, fetch_pem, grant
from .change import Backend
from .faults import bad, refuse

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class References:
    """`certificates` with keys, and a CA with its revocation list."""

    certificates: tuple[str, ...]
    ca: str | None = None
    crl: str | None = None

    @classmethod
    def of_listener(cls, given: Mapping[str, Any]) -> References:
        first = given.get("default_tls_container_ref")
        certificates = ((first,) if first else ()) + tuple(given.get("sni_container_refs") or ())
        return cls(
            certificates, given.get("client_ca_tls_container_ref"), given.get("client_crl_container_ref")
        )

    @classmethod
    def of_pool(cls, given: Mapping[str, Any]) -> References:
        own = given.get("tls_container_ref")
        return cls((own,) if own else (), given.get("ca_tls_container_ref"), given.get("crl_container_ref"))


async def check_references(backend: Backend, call: Call, *wanted: References) -> None:
    """Let this service read what is referred to, and read it. Raises 400 with the references that fail."""
    failed: dict[str, str] = {}
    for references in wanted:
        for reference in references.certificates:
            try:
                await _grant(backend, call, reference)
                await fetch_certificate(backend.clouds.own, reference)
            except CertificateUnreadable as error:
                failed[reference] = str(error)
        await _check_authority(backend, call, references, failed)
    if failed:
        reasons = "; ".join(f"{reference}: {reason}" for reference, reason in failed.items())
        raise bad(f"Could not retrieve certificate: {list(failed)} ({reasons})")


async def _check_authority(
    backend: Backend, call: Call, references: References, failed: dict[str, str]
) -> None:
    texts: dict[str, str] = {}
    for reference in _given((references.ca, references.crl)):
        try:
            await _grant(backend, call, reference)
            texts[reference] = await fetch_pem(backend.clouds.own, reference)
        except CertificateUnreadable as error:
            failed[reference] = str(error)
    if references.ca in texts and (references.crl is None or references.crl in texts):
        try:
            check_authority(texts[references.ca], texts[references.crl] if references.crl else None)
        except CertificateUnreadable as error:
            raise bad(f"The client authentication cannot be used: {error}.") from error


async def _grant(backend: Backend, call: Call, reference: str) -> None:
    try:
        user_id = await backend.clouds.own.user_id()
    except (CloudError, CloudUnreachable) as error:
        log.warning("%s: this service cannot sign in: %s", call.request_id, error)
        raise refuse(503, "The load balancing service cannot sign in to the cloud at the moment.") from error
    await grant(backend.clouds.caller(call.context.token), reference, user_id)


def _given(references: Iterable[str | None]) -> list[str]:
    return [reference for reference in references if reference]
