# SPDX-License-Identifier: Apache-2.0
"""What the operator, and OpenSSL, allow of TLS: versions and ciphers."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from samovar.config import LoadBalancerSettings

from . import values
from .faults import bad

SUITES = (
    "TLS_AES_128_CCM_8_SHA256",
    "TLS_AES_128_CCM_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
)


def check_versions(settings: LoadBalancerSettings, wanted: Sequence[str], *, empty: bool) -> None:
    """Raise 400 for a version older than the operator's minimum, and for none unless `empty`."""
    if not wanted:
        if not empty:
            raise bad("tls_versions must name at least one version.")
        return
    oldest = settings.minimum_tls_version
    if oldest is None:
        return
    order = values.TLS_VERSIONS
    refused = [version for version in wanted if order.index(version) < order.index(oldest)]
    if refused:
        raise bad(f"TLS versions older than {oldest} are not allowed here: {', '.join(refused)}.")


def check_ciphers(settings: LoadBalancerSettings, wanted: str | None) -> None:
    """Raise 400 for a cipher that the operator prohibits, and where OpenSSL finds none that it knows: HAProxy
    would not take it, and all that uses it would be out of service."""
    if not wanted:
        return
    prohibited = {item.strip() for item in settings.tls_cipher_prohibit_list.split(":") if item.strip()}
    found = sorted(prohibited & set(wanted.split(":")))
    if found:
        raise bad(f"The ciphers {', '.join(found)} are prohibited here.")
    names = [item for item in wanted.split(":") if item]
    suites = [item for item in names if item.startswith("TLS_")]
    older = ":".join(item for item in names if item not in suites)
    try:
        if older:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(older)
    except ssl.SSLError:
        raise bad(f"OpenSSL knows none of the ciphers {older[:255]}.") from None
    unknown = [item for item in suites if item not in SUITES]
    if unknown:
        raise bad(f"TLS 1.3 has no cipher suite {unknown[0][:255]}; it has {', '.join(SUITES)}.")
