# SPDX-License-Identifier: Apache-2.0
"""Answers as Heat gives them, to the letter that programs read: types of errors, fields, orders."""

from __future__ import annotations

import json
from typing import Any

import pytest
from heat_client import PROJECT, Client

from samovar.web.prefixes import Prefixes

VERSION = "2018-08-31"
STACKS = f"/v1/{PROJECT}/stacks"


def template(**sections: Any) -> dict[str, Any]:
    return {"heat_template_version": VERSION, **sections}


@pytest.mark.parametrize(
    ("given", "looked_at", "made"),
    [
        ("x", "HTTPBadRequest", "HTTPBadRequest"),
        (template(nothing=1), "HTTPBadRequest", "StackValidationFailed"),
        ({"heat_template_version": "2099-01-01"}, "InvalidTemplateVersion", "InvalidTemplateVersion"),
        (
            template(
                resources={"a": {"type": "OS::Heat::Value", "properties": {"value": {"get_param": "q"}}}}
            ),
            "HTTPBadRequest",
            "StackValidationFailed",
        ),
        (
            template(
                resources={"a": {"type": "OS::Heat::Value", "properties": {"value": {"get_resource": "q"}}}}
            ),
            "InvalidTemplateReference",
            "InvalidTemplateReference",
        ),
        (
            template(outputs={"o": {"value": {"get_attr": ["q", "z"]}}}),
            "HTTPBadRequest",
            "StackValidationFailed",
        ),
        (template(parameters={"p": {"type": "string"}}), "", "UserParameterMissing"),
    ],
)
async def test_errors_are_called_as_heat_calls_them(
    heat: Client, given: Any, looked_at: str, made: str
) -> None:
    answer = await heat("POST", f"/v1/{PROJECT}/validate", {"template": given})
    assert (answer.json["error"]["type"] if answer.status == 400 else "") == looked_at
    for path in (STACKS, f"{STACKS}/preview"):
        answer = await heat("POST", path, {"stack_name": "s", "template": given})
        assert (answer.status, answer.json["error"]["type"]) == (400, made)


async def test_what_is_missing_is_called_as_heat_calls_it(heat: Client) -> None:
    url = await heat.create()
    for path, kind in (
        (f"{url}/outputs/no", "NotFound"),
        (f"{url}/resources/no", "ResourceNotFound"),
        (f"{url}/resources/no/events", "HTTPNotFound"),
        (f"{url}/snapshots/no", "NotFound"),
        (f"{STACKS}/no", "EntityNotFound"),
        (f"/v1/{PROJECT}/template_versions/no/functions", "NotFound"),
    ):
        answer = await heat("GET", path)
        assert (answer.status, answer.json["error"]["type"]) == (404, kind), path
    assert (await heat("GET", f"{url}/nowhere")).headers["content-type"].startswith("text/plain")
    assert (await heat("PUT", STACKS, {})).json["error"]["type"] == "HTTPMethodNotAllowed"


@pytest.mark.parametrize(
    ("constraint", "value", "good"),
    [
        ("ip_addr", "10.0.0.300", False),
        ("ip_addr", "10.0.0.3", True),
        ("net_cidr", "10.0.0.0", False),
        ("nonsense", "x", False),
    ],
)
async def test_named_constraints_of_parameters(heat: Client, constraint: str, value: str, good: bool) -> None:
    schema = {"type": "string", "constraints": [{"custom_constraint": constraint}]}
    body = {
        "stack_name": "s",
        "template": template(parameters={"p": schema}),
        "parameters": {"p": value},
    }
    answer = await heat("POST", STACKS, body)
    assert answer.status == (201 if good else 400), answer.text
    assert good or answer.json["error"]["type"] == "StackValidationFailed"


async def test_an_event_tells_the_properties_that_were_given(heat: Client) -> None:
    resources = {"a": {"type": "OS::Heat::RandomString", "properties": {"length": 8}}}
    url = await heat.create(template=template(resources=resources))
    await heat.until(url, "CREATE_COMPLETE")
    first = (await heat("GET", f"{url}/resources/a/events?limit=1")).json["events"][0]
    event = (await heat("GET", f"{url}/resources/a/events/{first['id']}")).json["event"]
    assert event["resource_properties"] == {"length": 8}


async def test_lists_that_are_sorted_by_a_key_ascend(heat: Client) -> None:
    url = await heat.create()
    await heat.until(url, "CREATE_COMPLETE")
    types = []
    for event in (await heat("GET", f"{url}/events?sort_keys=resource_type")).json["events"]:
        types.append(event["resource_name"])
    assert types.index("b") < types.index("a")  # RandomString before TestResource
    (stack,) = (await heat("GET", f"{STACKS}?tags=")).json["stacks"]
    assert stack["tags"] is None


async def test_the_data_of_a_snapshot_are_there_from_the_start(heat: Client) -> None:
    url = await heat.create()
    await heat.until(url, "CREATE_COMPLETE")
    taken = (await heat("POST", f"{url}/snapshots", {})).json
    assert taken["data"]["template"]["description"] == "two things" and taken["data"]["resources"] == {}
    await heat.until(url, "SNAPSHOT_COMPLETE")
    data = (await heat("GET", f"{url}/snapshots/{taken['id']}")).json["snapshot"]["data"]
    assert data["status"] == "COMPLETE" and set(data["resources"]) == {"a", "b"}
    assert "encrypted_param_names" not in data["environment"]


async def test_templates_of_types(heat: Client) -> None:
    url = f"/v1/{PROJECT}/resource_types/OS::Heat::RandomString/template"
    hot = (await heat("GET", f"{url}?template_type=hot")).json
    assert hot["outputs"]["OS::stack_id"] == {"value": {"get_resource": "RandomString"}}
    assert hot["parameters"]["character_classes"]["default"] == [{"class": "lettersdigits", "min": 1}]
    assert "default" not in hot["parameters"]["character_sequences"]
    assert (await heat("GET", url)).json["Outputs"]["OS::stack_id"] == {"Value": {"Ref": "RandomString"}}


async def test_other_versions_below_a_prefix(heat: Client) -> None:
    application = Prefixes({"heat-api": heat.service.asgi()}, heat.service.asgi())
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/heat-api/v2/x", "raw_path": b"/heat-api/v2/x"}
    scope |= {"query_string": b"", "headers": [(b"host", b"here")], "root_path": "", "scheme": "http"}
    await application(
        {**scope, "server": ("here", 80), "client": ("here", 1), "http_version": "1.1"}, receive, send
    )
    assert sent[0]["status"] == 300


async def test_a_stack_from_a_url(heat: Client) -> None:
    url = "http://templates.example/inner.template"
    inner: dict[str, Any] = {
        "HeatTemplateFormatVersion": "2012-12-12",
        "Parameters": {"word": {"Type": "String"}},
        "Resources": {"t": {"Type": "OS::Heat::TestResource", "Properties": {"value": {"Ref": "word"}}}},
        "Outputs": {"said": {"Value": {"Fn::GetAtt": ["t", "output"]}}},
    }
    outer = template(
        parameters={"where": {"type": "string"}, "word": {"type": "string"}},
        resources={
            "inside": {
                "type": "AWS::CloudFormation::Stack",
                "properties": {
                    "TemplateURL": {"get_param": "where"},
                    "Parameters": {"word": {"get_param": "word"}},
                    "TimeoutInMinutes": 5,
                },
            }
        },
        outputs={"said": {"value": {"get_attr": ["inside", "Outputs.said"]}}},
    )
    body = {"files": {url: json.dumps(inner)}, "parameters": {"where": url, "word": "first"}}
    stack = await heat.create(template=outer, **body)
    await heat.until(stack, "CREATE_COMPLETE")
    assert (await heat("GET", f"{stack}/outputs/said")).json["output"]["output_value"] == "first"
    assert (await heat("PATCH", stack, {"parameters": {"word": "second"}})).status == 202
    await heat.until(stack, "UPDATE_COMPLETE")
    assert (await heat("GET", f"{stack}/outputs/said")).json["output"]["output_value"] == "second"
    (resource,) = (await heat("GET", f"{stack}/resources")).json["resources"]
    assert [link["rel"] for link in resource["links"]] == ["self", "stack", "nested"]

    nowhere = {"where": "http://127.0.0.1:1/x.template", "word": "x"}
    answer = await heat("POST", STACKS, {"stack_name": "n", "template": outer, "parameters": nowhere})
    assert answer.status == 400 and "127.0.0.1" in answer.json["error"]["message"]
