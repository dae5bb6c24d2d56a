# SPDX-License-Identifier: Apache-2.0
"""AWS signatures, made here as a client makes them, turned into tokens by services only."""

import base64
import datetime
import hashlib
import hmac
from urllib.parse import quote

import pytest

from samovar.cloud.identity.signatures import BadSignature, verify_request

NOW = datetime.datetime(2026, 11, 21, 3, 30, tzinfo=datetime.UTC)
EMPTY = hashlib.sha256(b"").hexdigest()


def test_version_4_agrees_with_the_example_of_the_aws_test_suite():
    # "get-vanilla" of the Signature Version 4 test suite
    request = {
        "signature": "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        "host": "example.amazonaws.com:80",
        "verb": "GET",
        "path": "/",
        "params": {},
        "headers": {
            "Authorization": "AWS4-HMAC-SHA256 "
            "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            "X-Amz-Date": "20150830T123600Z",
        },
        "body_hash": EMPTY,
    }
    secret, then = (
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        datetime.datetime(2015, 8, 30, 12, 40, tzinfo=datetime.UTC),
    )
    verify_request(request, secret, then)
    with pytest.raises(BadSignature, match="not that of"):
        verify_request(request, secret + "x", then)
    with pytest.raises(BadSignature, match="15 minutes"):
        verify_request(request, secret, NOW)


def version_2(secret, params, host="h:8000", path="/v1/"):
    query = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(params.items()))
    text = f"POST\n{host}\n{path}\n{query}"
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


async def key(cloud):
    token, user_id = await cloud.token("samovar"), cloud.first.user_ids["samovar"]
    body = {"tenant_id": cloud.first.project_id}
    made = await cloud.ask("POST", f"/v3/users/{user_id}/credentials/OS-EC2", body, token=token, status=201)
    return made["credential"]


async def test_a_signed_request_becomes_a_token_for_a_service(cloud):
    credential = await key(cloud)
    params = {
        "Action": "SignalResource",
        "AWSAccessKeyId": credential["access"],
        "SignatureVersion": "2",
        "SignatureMethod": "HmacSHA256",
        "Timestamp": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    signed = {
        "access": credential["access"],
        "signature": version_2(credential["secret"], params),
        "host": "h:8000",
        "verb": "POST",
        "path": "/v1/",
        "params": params,
    }
    service = await cloud.token("heat")
    answer = await cloud.ask("POST", "/v3/ec2tokens", {"ec2Credentials": signed}, token=service, status=200)
    assert answer["token"]["user"]["name"] == "samovar" and answer["token"]["methods"] == ["ec2credential"]
    context = await cloud.service.validator().validate(answer.headers["x-subject-token"])
    assert context.project_id == cloud.first.project_id
    await cloud.ask("POST", "/v3/ec2tokens", {"credentials": signed}, status=401)
    forged = {**signed, "params": {**params, "Action": "DeleteStack"}}
    await cloud.ask("POST", "/v3/ec2tokens", {"credentials": forged}, token=service, status=401)
    late = {**signed, "params": {**params, "Timestamp": "2020-01-01T00:00:00Z"}}
    await cloud.ask("POST", "/v3/ec2tokens", {"credentials": late}, token=service, status=401)
    unknown = {**signed, "access": "nobody"}
    await cloud.ask("POST", "/v3/ec2tokens", {"credentials": unknown}, token=service, status=401)


async def test_an_s3_server_can_ask_too(cloud):
    credential, service = await key(cloud), await cloud.token("heat")
    text = b"GET\n\n\nThu, 17 Nov 2005 18:49:58 GMT\n/bucket/key"
    signature = base64.b64encode(
        hmac.new(credential["secret"].encode(), text, hashlib.sha1).digest()
    ).decode()
    given = {"access": credential["access"], "signature": signature, "token": base64.b64encode(text).decode()}
    answer = await cloud.ask("POST", "/v3/s3tokens", {"credentials": given}, token=service, status=200)
    assert answer["token"]["user"]["name"] == "samovar"
    given["token"] = base64.b64encode(text + b"2").decode()
    await cloud.ask("POST", "/v3/s3tokens", {"credentials": given}, token=service, status=401)
