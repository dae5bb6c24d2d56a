# SPDX-License-Identifier: Apache-2.0
"""What the operator allows of TLS: versions and ciphers."""

from __future__ import annotations

from collections.abc import Sequence

from samovar.config import LoadBalancerSettings

from . import values
from .faults import bad


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
    """Raise 400 for a cipher that the operator prohibits."""
    if not wanted:
        return
    prohibited = {item.strip() for item in settings.tls_cipher_prohibit_list.split(":") if item.strip()}
    found = sorted(prohibited & set(wanted.split(":")))
    if found:
        raise bad(f"The ciphers {', '.join(found)} are prohibited here.")
