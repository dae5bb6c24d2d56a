# SPDX-License-Identifier: Apache-2.0
"""AWS request signatures: is this one made with that secret?

Version 4 (AWS4-HMAC-SHA256, headers or query), versions 2, 1 and 0 of the Query API, and the
string-to-sign form that S3 servers send. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

FRESH = datetime.timedelta(minutes=15)


class BadSignature(ValueError):
    """The request cannot have been signed with this secret, or not lately."""


def verify_request(credentials: Mapping[str, Any], secret: str, now: datetime.datetime) -> None:
    """Check an ec2 request as ``/v3/ec2tokens`` gets it. Raises BadSignature.

    `credentials` holds ``signature``, ``host``, ``verb``, ``path``, ``params`` and, for version 4,
    ``headers`` and ``body_hash``.
    """
    given = str(credentials.get("signature") or "")
    params = {str(k): str(v) for k, v in (credentials.get("params") or {}).items()}
    headers = {str(k).lower(): str(v) for k, v in (credentials.get("headers") or {}).items()}
    _fresh(params, headers, now)
    host = str(credentials.get("host") or "")
    for candidate in dict.fromkeys((host, re.sub(r":\d+$", "", host))):
        request = {**credentials, "host": candidate, "params": params, "headers": headers}
        if hmac.compare_digest(_signature(request, secret).encode(), given.encode()):
            return
    raise BadSignature("The signature is not that of this access key.")


def verify_s3(credentials: Mapping[str, Any], secret: str) -> None:
    """Check a signature over a ready string-to-sign (base64 in ``token``). Raises BadSignature."""
    given = str(credentials.get("signature") or "")
    try:
        message = base64.urlsafe_b64decode(str(credentials.get("token") or ""))
    except (binascii.Error, ValueError):
        raise BadSignature("token must be base64.") from None
    if message.startswith(b"AWS4-HMAC-SHA256"):
        lines = message.decode("utf-8", "replace").split("\n")
        scope = lines[2].split("/") if len(lines) == 4 else []
        if len(scope) != 4:
            raise BadSignature("token is no string to sign of version 4.")
        expected = _sign(_key(secret, *scope[:3]), message).hex()
    else:
        expected = base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha1).digest()).decode()
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise BadSignature("The signature is not that of this access key.")


def _signature(request: Mapping[str, Any], secret: str) -> str:
    params = request["params"]
    version = params.get("SignatureVersion")
    if version == "0":
        message = (params.get("Action", "") + params.get("Timestamp", "")).encode()
        return _base64(hmac.new(secret.encode(), message, hashlib.sha1))
    if version == "1":
        pairs = sorted(_unsigned(params), key=lambda pair: pair[0].lower())
        return _base64(hmac.new(secret.encode(), "".join(k + v for k, v in pairs).encode(), hashlib.sha1))
    if version == "2":
        query = "&".join(f"{_quoted(k)}={_quoted(v)}" for k, v in sorted(_unsigned(params)))
        lines = (
            str(request.get("verb")),
            str(request["host"]).lower(),
            str(request.get("path") or "/"),
            query,
        )
        digest = hashlib.sha1 if params.get("SignatureMethod") == "HmacSHA1" else hashlib.sha256
        return _base64(hmac.new(secret.encode(), "\n".join(lines).encode(), digest))
    return _version_4(request, secret)


def _version_4(request: Mapping[str, Any], secret: str) -> str:
    params, headers = request["params"], request["headers"]
    authorization = headers.get("authorization", "")
    if authorization.startswith("AWS4-HMAC-SHA256"):
        parts = dict(re.findall(r"(\w+)=([^,\s]+)", authorization))
        scope, names = parts.get("Credential", ""), parts.get("SignedHeaders", "")
    else:
        scope, names = params.get("X-Amz-Credential", ""), params.get("X-Amz-SignedHeaders", "")
    steps = scope.split("/")
    if len(steps) < 5 or steps[-1] != "aws4_request":
        raise BadSignature("The request names no credential scope of version 4.")
    date, region, service = steps[-4:-1]
    signed = "".join(
        f"{name}:{' '.join((request['host'] if name == 'host' else headers.get(name, '')).split())}\n"
        for name in names.split(";")
    )
    # The parameters of a POST are its body, which body_hash stands for.
    in_query = {} if str(request.get("verb")).upper() == "POST" else params
    query = "&".join(
        f"{_quoted(k)}={_quoted(v)}" for k, v in sorted(in_query.items()) if k != "X-Amz-Signature"
    )
    canonical = "\n".join(
        (
            str(request.get("verb")).upper(),
            str(request.get("path") or "/"),
            query,
            signed,
            names,
            str(request.get("body_hash") or hashlib.sha256(b"").hexdigest()),
        )
    )
    moment = params.get("X-Amz-Date") or headers.get("x-amz-date", "")
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", moment, "/".join((date, region, service, "aws4_request")), hashed))
    return _sign(_key(secret, date, region, service), text.encode()).hex()


def _fresh(params: Mapping[str, str], headers: Mapping[str, str], now: datetime.datetime) -> None:
    expires = params.get("Expires")
    if expires:
        if _moment(expires) < now:
            raise BadSignature("The signed request has expired.")
        return
    text = params.get("Timestamp") or params.get("X-Amz-Date") or headers.get("x-amz-date")
    if not text:
        raise BadSignature("The signed request has no date.")
    if abs(now - _moment(text)) > FRESH:
        raise BadSignature("The signed request is more than 15 minutes off.")


def _moment(text: str) -> datetime.datetime:
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise BadSignature(f"{text!r} is no ISO 8601 time.") from None
    return at if at.tzinfo else at.replace(tzinfo=datetime.UTC)


def _unsigned(params: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in params.items() if name != "Signature"]


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _base64(code: hmac.HMAC) -> str:
    return base64.b64encode(code.digest()).decode()


def _sign(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for step in (date, region, service, "aws4_request"):
        key = _sign(key, step.encode())
    return key
