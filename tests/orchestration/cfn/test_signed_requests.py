# SPDX-License-Identifier: Apache-2.0
"""Requests that bear a signature: who holds a resource's keys reads its metadata, nobody else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from stand import Stand

from samovar.clients import InProcess
from samovar.orchestration.cfn import Service
from samovar.orchestration.engine.signed_access import presigned, signature
from samovar.web import Prefixes

TEMPLATE = {
    "heat_template_version": "2018-08-31",
    "resources": {"box": {"type": "OS::Heat::DeployedServer"}, "plain": {"type": "OS::Heat::RandomString"}},
    "outputs": {"agent": {"value": {"get_attr": ["box", "os_collect_config"]}}},
}
HOST = "cloud:1"


class Cfn:
    """The API, and the keys of the resource `box` of the stack `s`."""

    def __init__(self, service: Service, keys: dict[str, str]) -> None:
        application = service.api().asgi()
        self._transport = InProcess(Prefixes({"heat-api-cfn": application}, application))
        self.keys = keys

    async def describe(self, *, verb: str = "POST", secret: str = "", **params: str) -> tuple[int, str]:
        given = {
            "Action": "DescribeStackResource",
            "StackName": "s",
            "LogicalResourceId": "box",
            "ContentType": "JSON",
            "AWSAccessKeyId": self.keys["access_key_id"],
            "SignatureVersion": "2",
            "SignatureMethod": "HmacSHA256",
            **params,
        }
        secret = secret or self.keys["secret_access_key"]
        given["Signature"] = signature(secret, verb, HOST, "/heat-api-cfn/v1/", given)
        url = f"http://{HOST}/heat-api-cfn/v1/"
        query = urlencode(given)
        if verb == "GET":
            return await self.send("GET", f"{url}?{query}", None)
        return await self.send("POST", url, query.encode())

    async def send(self, verb: str, url: str, body: bytes | None) -> tuple[int, str]:
        raw = await self._transport.send(verb, url, {"host": HOST}, body, 10)
        return raw.status, raw.body.decode()


@pytest.fixture
async def cfn(tmp_path: Path) -> AsyncIterator[Cfn]:
    stand = Stand(tmp_path)
    await stand.engine()
    identity = await stand.create(TEMPLATE)
    assert (await stand.settled(identity)).status == "COMPLETE"
    row = (await stand.current(identity))["box"]
    keys = json.loads(row.secrets["os_collect_config"])["cfn"]
    yield Cfn(Service(stand.parts()), keys)
    await stand.close()


async def test_an_agent_reads_the_metadata_of_its_resource(cfn: Cfn) -> None:
    for verb in ("GET", "POST"):
        status, text = await cfn.describe(verb=verb)
        assert status == 200, text
        detail: Any = json.loads(text)["DescribeStackResourceResponse"]["DescribeStackResourceResult"]
        detail = detail["StackResourceDetail"]
        assert (detail["ResourceStatus"], detail["StackName"]) == ("CREATE_COMPLETE", "s")
        metadata = json.loads(detail["Metadata"])
        assert metadata["os-collect-config"]["cfn"]["path"] == "box.Metadata"
        assert metadata["deployments"] == []
    status, text = await cfn.describe(ContentType="XML")
    assert status == 200 and text.startswith("<DescribeStackResourceResponse><DescribeStackResourceResult>")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"secret": "wrong"}, 403, "SignatureDoesNotMatch"),
        ({"AWSAccessKeyId": "unknown"}, 403, "InvalidClientTokenId"),
        ({"LogicalResourceId": "plain"}, 403, "InvalidClientTokenId"),
        ({"StackName": "other"}, 403, "InvalidClientTokenId"),
        ({"SignatureVersion": "3"}, 403, "InvalidClientTokenId"),
        ({"Action": "DeleteStack"}, 403, "InvalidClientTokenId"),
        ({"Action": "EatStack"}, 400, "InvalidAction"),
        ({"Action": ""}, 400, "MissingAction"),
        ({"LogicalResourceId": ""}, 403, "InvalidClientTokenId"),
    ],
)
async def test_others_are_refused(cfn: Cfn, change: dict[str, str], status: int, code: str) -> None:
    got, text = await cfn.describe(**change)
    assert (got, json.loads(text)["ErrorResponse"]["Error"]["Code"] if text.startswith("{") else code) == (
        status,
        code,
    )
    assert code in text


async def test_a_signal_needs_the_signature_of_its_own_url(cfn: Cfn) -> None:
    path = "/heat-api-cfn/v1/signal/arn%3Aopenstack%3Aheat%3A%3Ap%3Astacks/s/x/resources/box"
    assert (await cfn.send("POST", f"http://{HOST}{path}", b"{}"))[0] == 403
    forged = presigned(f"http://{HOST}{path}", "POST", cfn.keys["access_key_id"], "wrong")
    assert (await cfn.send("POST", forged, b"{}"))[0] == 403
    assert (await cfn.send("POST", f"http://{HOST}/heat-api-cfn/v1/signal/nothing", b"{}"))[0] == 400
