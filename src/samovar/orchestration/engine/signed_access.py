# SPDX-License-Identifier: Apache-2.0
"""Access by signature: keys of one resource, and URLs that bear their signature.

Who holds the URL or the keys may signal that one resource and read its metadata, nothing else. The keys are
the resource's own and kept, encrypted, with it: no user is needed for them, and they end with it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from samovar.orchestration.resources.behaviour import SignedAccess

if TYPE_CHECKING:
    from .context import Context
    from .parts import Parts

ACCESS_KEY, SECRET_KEY = "access_key", "secret_key"
DIGESTS = {"HmacSHA256": hashlib.sha256, "HmacSHA1": hashlib.sha1}


async def signed_access(context: Context, outside: bool) -> SignedAccess:
    """The access of a resource; its keys are made when first asked for."""
    row, parts = context.row, context.run.parts
    if SECRET_KEY not in row.secrets:
        row.data[ACCESS_KEY] = secrets.token_hex(16)
        await context.set_data(SECRET_KEY, secrets.token_hex(16), secret=True)
    access, secret = str(row.data[ACCESS_KEY]), str(row.secrets[SECRET_KEY])
    base = parts.cfn_endpoint if outside else seen_from_servers(parts, parts.cfn_endpoint)
    resource = f"{context.run.stack.arn}/resources/{row.name}"
    urls = parts.settings.engine.heat_waitcondition_server_url

    def url(kind: str, verb: str) -> str:
        start = urls.replace("/waitcondition", f"/{kind}") if urls else f"{base}/v1/{kind}"
        return presigned(f"{start}/{quote(resource, safe='/')}", verb, access, secret)

    metadata_url = parts.settings.engine.heat_metadata_server_url or f"{base}/v1/"
    return SignedAccess(access, secret, url("signal", "POST"), url("waitcondition", "PUT"), metadata_url)


def seen_from_servers(parts: Parts, url: str) -> str:
    """The same URL as servers of the local cloud reach it."""
    for outside, inside in parts.inside.items():
        if url == outside or url.startswith(f"{outside}/"):
            return inside + url.removeprefix(outside)
    return url


def presigned(url: str, verb: str, access: str, secret: str) -> str:
    """The URL with a signature of version 2 in its query; it does not expire."""
    parts = urlsplit(url)
    params = {"AWSAccessKeyId": access, "SignatureMethod": "HmacSHA256", "SignatureVersion": "2"}
    params["Signature"] = signature(secret, verb, parts.netloc, unquote(parts.path), params)
    query = "&".join(f"{key}={quote(value, safe='-_.~')}" for key, value in params.items())
    return f"{url}?{query}"


def signature(secret: str, verb: str, host: str, path: str, params: Mapping[str, str]) -> str:
    """The signature of version 2 over a request.

    https://docs.aws.amazon.com/AmazonSimpleDB/latest/DeveloperGuide/HMACAuth.html
    """
    query = "&".join(
        f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}"
        for key, value in sorted(params.items())
        if key != "Signature"
    )
    text = "\n".join((verb, host.lower(), path or "/", query))
    digest = DIGESTS[params.get("SignatureMethod", "HmacSHA256")]
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), digest).digest()).decode()
