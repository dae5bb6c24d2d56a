# SPDX-License-Identifier: Apache-2.0
"""Who signed a request: Identity is asked, and answers with a token of the access key's owner."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from samovar.clients import Cloud, CloudError, TokenCredentials
from samovar.orchestration.engine.parts import Parts
from samovar.web import Call

from .errors import refusal

_SIGNATURE = re.compile(r"Signature=([^,\s]+)")
_CREDENTIAL = re.compile(r"Credential=([^,/\s]+)/")


def access_key(call: Call, params: Mapping[str, str]) -> str | None:
    """The access key that the request names: version 2 in a parameter, version 4 in either place."""
    credential = params.get("X-Amz-Credential", "").partition("/")[0]
    found = _CREDENTIAL.search(call.request.headers.get("authorization", ""))
    return params.get("AWSAccessKeyId") or credential or (found[1] if found else None)


async def caller(parts: Parts, call: Call, params: Mapping[str, str], body: bytes) -> Cloud:
    """The cloud as who signed the request. Raises a refusal."""
    headers = dict(call.request.headers)
    found = _SIGNATURE.search(headers.get("authorization", ""))
    signature = params.get("Signature") or params.get("X-Amz-Signature") or (found[1] if found else None)
    access = access_key(call, params)
    if not access:
        raise refusal("MissingAuthenticationToken", "The request names no access key.")
    if not signature:
        raise refusal("IncompleteSignature", "The request bears no signature.")
    if parts.trustee is None:
        raise refusal("InvalidClientTokenId", "The access key belongs to no resource of that stack and name.")
    service = parts.cloud_for(parts.trustee)
    credentials = {
        "access": access,
        "signature": signature,
        "host": headers.get("host", ""),
        "verb": call.request.method,
        "path": call.request.scope["path"],
        "params": {name: value for name, value in params.items() if name != "Signature"},
        "headers": headers,
        "body_hash": hashlib.sha256(body).hexdigest(),
    }
    try:
        answer = await service.request("identity", "POST", "/ec2tokens", json={"ec2Credentials": credentials})
    except CloudError as error:
        if error.status not in (401, 403, 404):
            raise
        code = "InvalidClientTokenId" if "access key is not known" in error.message else "AccessDenied"
        code = "SignatureDoesNotMatch" if "signature is not" in error.message else code
        code = "RequestExpired" if "15 minutes" in error.message or "expired" in error.message else code
        raise refusal(code, error.message) from error
    return parts.cloud_for(TokenCredentials(answer.headers["x-subject-token"]))
