# SPDX-License-Identifier: Apache-2.0
"""The words of TLS: on a listener's bind line, on a pool's server lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..tree import Listener, ListenerTls, PoolTls
from .place import Place
from .words import Refused, ciphers, identifier, word

VERSIONS = {
    "SSLv3": "no-sslv3",
    "TLSv1": "no-tlsv10",
    "TLSv1.1": "no-tlsv11",
    "TLSv1.2": "no-tlsv12",
    "TLSv1.3": "no-tlsv13",
}
ALPN = frozenset({"h2", "http/1.1", "http/1.0"})
VERIFICATION = {"NONE": "none", "OPTIONAL": "optional", "MANDATORY": "required"}


def crt_list_name(listener: Listener) -> str:
    return f"{identifier(listener.id)}.list"


def crt_list(tls: ListenerTls, place: Place) -> str:
    """The content of a listener's crt-list: the first certificate answers when no name fits."""
    wanted = dict.fromkeys(ref for ref in (tls.certificate, *tls.sni) if ref)
    if not wanted:
        raise Refused("A listener that ends TLS needs a certificate.")
    return "".join(f"{_path(ref, place)}\n" for ref in wanted)


def bind_words(listener: Listener, tls: ListenerTls, place: Place) -> list[str]:
    words = ["ssl", "crt-list", word(place.certificate(crt_list_name(listener)))]
    verify = VERIFICATION.get(tls.client_authentication)
    if verify is None:
        raise Refused(f"{tls.client_authentication!r} is not a way to authenticate clients.")
    if verify != "none":
        if not tls.client_ca:
            raise Refused("Authenticating clients needs the certificate of their authority.")
        words += ["ca-file", _path(tls.client_ca, place), "verify", verify]
        words += ["crl-file", _path(tls.client_crl, place)] if tls.client_crl else []
    return [*words, *_cipher_words(tls.ciphers), *_versions(tls.versions), *_alpn(tls.alpn)]


def server_words(tls: PoolTls, place: Place, *, from_tls: bool) -> list[str]:
    words = ["ssl"]
    if tls.ca:
        words += ["verify", "required", "ca-file", _path(tls.ca, place)]
        words += ["crl-file", _path(tls.crl, place)] if tls.crl else []
    else:
        words += ["verify", "none"]
    words += ["crt", _path(tls.certificate, place)] if tls.certificate else []
    words += ["sni", "ssl_fc_sni"] if from_tls else []
    return [*words, *_cipher_words(tls.ciphers), *_versions(tls.versions), *_alpn(tls.alpn)]


def _path(ref: str, place: Place) -> str:
    try:
        return word(place.certificate(place.files[ref]))
    except KeyError:
        raise Refused(f"What {ref} names could not be fetched from the key manager.") from None


def _cipher_words(value: str | None) -> list[str]:
    if not value:
        return []
    older, suites = ciphers(value)
    return [*(["ciphers", older] if older else []), *(["ciphersuites", suites] if suites else [])]


def _versions(wanted: Sequence[str]) -> list[str]:
    unknown = [version for version in wanted if version not in VERSIONS]
    if unknown:
        raise Refused(f"{', '.join(unknown)} is not a version of TLS.")
    return [refusal for version, refusal in VERSIONS.items() if version not in wanted] if wanted else []


def _alpn(wanted: Iterable[str]) -> list[str]:
    names = list(dict.fromkeys(wanted))
    unknown = [name for name in names if name not in ALPN]
    if unknown:
        raise Refused(f"{', '.join(unknown)} is not a protocol for ALPN.")
    return ["alpn", ",".join(names)] if names else []
