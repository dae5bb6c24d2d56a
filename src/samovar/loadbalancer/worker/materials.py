# SPDX-License-Identifier: Apache-2.0
"""The certificates that a tree names: fetched from the key manager, as files for an amphora."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from samovar.clients import Cloud

from ..certificates import CertificateUnreadable, fetch_authority, fetch_certificate
from ..tree import Tree

__all__ = ["Materials", "fetch"]


@dataclass(frozen=True, slots=True)
class Materials:
    """`names`: reference → file name. `contents`: file name → PEM, never printed. `unread`: reference →
    why it could not be read."""

    names: Mapping[str, str]
    contents: Mapping[str, str] = field(repr=False)
    unread: Mapping[str, str]


async def fetch(cloud: Cloud, tree: Tree) -> Materials:
    """Everything that `tree` names."""
    certificates: set[str] = set()
    authorities: set[str] = set()
    for listener in tree.listeners:
        if listener.tls is not None:
            certificates.update(ref for ref in (listener.tls.certificate, *listener.tls.sni) if ref)
            authorities.update(ref for ref in (listener.tls.client_ca, listener.tls.client_crl) if ref)
    for pool in tree.pools:
        if pool.tls is not None:
            certificates.update(ref for ref in (pool.tls.certificate,) if ref)
            authorities.update(ref for ref in (pool.tls.ca, pool.tls.crl) if ref)
    names: dict[str, str] = {}
    contents: dict[str, str] = {}
    unread: dict[str, str] = {}
    for ref in sorted(certificates | authorities):
        try:
            if ref in certificates:
                pem = (await fetch_certificate(cloud, ref)).bundle
            else:
                pem = await fetch_authority(cloud, ref)
        except CertificateUnreadable as error:
            unread[ref] = str(error)
            continue
        names[ref] = f"{hashlib.sha256(ref.encode()).hexdigest()[:40]}.pem"
        contents[names[ref]] = pem
    return Materials(names, contents, unread)
