# SPDX-License-Identifier: Apache-2.0
"""The native API as its clients see it: routes, statuses, bodies, redirects, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from heat_client import PROJECT, TEMPLATE, Client


async def test_the_life_of_a_stack(heat: Client) -> None:
    url = await heat.create(parameters={"word": "hi", "secret": "shh"}, tags="one,two", timeout_mins=5)
    stack = await heat.until(url, "CREATE_COMPLETE")
    assert stack["stack_status_reason"] == "Stack CREATE completed successfully"
    assert stack["outputs"] == [{"output_key": "said", "description": "what a says", "output_value": "hi"}]
    assert stack["parameters"]["secret"] == "******" and stack["parameters"]["word"] == "hi"
    assert stack["parameters"]["OS::stack_id"] == stack["id"]
    assert stack["tags"] == ["one", "two"] and stack["timeout_mins"] == 5
    assert stack["stack_owner"] == "ann" and stack["description"] == "two things"

    updated = await heat("PUT", url, {"template": TEMPLATE, "parameters": {"word": "bye"}})
    assert updated.status == 202 and updated.headers["content-type"].startswith("text/plain")
    assert (await heat.until(url, "UPDATE_COMPLETE"))["outputs"][0]["output_value"] == "bye"
    assert (await heat("PATCH", url, {"parameters": {"word": "patched"}})).status == 202
    assert (await heat.until(url, "UPDATE_COMPLETE"))["parameters"]["word"] == "patched"

    assert (await heat("DELETE", url)).status == 204
    gone = await heat.until(url, "DELETE_COMPLETE")
    assert gone["deletion_time"]
    assert (await heat("GET", f"/v1/{PROJECT}/stacks/s")).status == 404
    assert (await heat("GET", f"{url}/resources")).json == {"resources": []}
    assert (await heat("DELETE", url)).status == 404


async def test_names_ids_and_arns_are_redirected(heat: Client) -> None:
    url = await heat.create()
    identity = url.rsplit("/", 1)[1]
    for text in ("s", identity, f"arn:openstack:heat::{PROJECT}:stacks/s/{identity}"):
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            answer = await heat(method, f"/v1/{PROJECT}/stacks/{text}?a=b")
            assert (answer.status, answer.headers["location"]) == (302, f"{url}?a=b"), (
                method,
                text,
                answer.text,
            )
    answer = await heat("GET", f"/v1/{PROJECT}/stacks/s/resources")
    assert answer.headers["location"] == f"{url}/resources"
    answer = await heat("POST", f"/v1/{PROJECT}/stacks/s/actions", {"check": None})
    assert answer.headers["location"] == f"{url}/actions"
    assert (await heat("GET", f"/v1/{PROJECT}/stacks/nope")).status == 404
    assert (await heat("GET", f"/v1.0/{PROJECT}/stacks/s")).status == 302


@pytest.mark.parametrize(
    ("change", "status", "kind", "words"),
    [
        ({"stack_name": "1st"}, 400, "StackValidationFailed", "1st"),
        ({"template": None}, 400, "HTTPBadRequest", "template"),
        ({"template": "- a\n- b"}, 400, "HTTPBadRequest", "map"),
        ({"template": "{{"}, 400, "HTTPBadRequest", ""),
        ({"parameters": {"wrod": "x"}}, 400, "UnknownUserParameter", "word"),
        ({"environment": {"nonsense": {}}}, 400, "HTTPBadRequest", "nonsense"),
        ({"tags": ["a"]}, 400, "StackValidationFailed", "tags"),
        ({"timeout_mins": -1}, 400, "HTTPBadRequest", "timeout_mins"),
        ({"disable_rollback": "perhaps"}, 400, "ValueError", "disable_rollback"),
        ({"adopt_stack_data": "{}"}, 400, "NotSupported", "adopt"),
    ],
)
async def test_what_is_wrong_is_refused_in_a_sentence(
    heat: Client, change: dict[str, Any], status: int, kind: str, words: str
) -> None:
    body = {"stack_name": "s", "template": TEMPLATE, **change}
    answer = await heat("POST", f"/v1/{PROJECT}/stacks", body)
    assert answer.status == status, answer.text
    assert answer.json["error"]["type"] == kind and words in answer.json["error"]["message"]
    assert set(answer.json) == {"code", "title", "explanation", "error"} and answer.json["code"] == status
    assert (await heat("GET", f"/v1/{PROJECT}/stacks")).json == {"stacks": []}


async def test_every_mistake_is_told_at_once(heat: Client) -> None:
    template = {
        "heat_template_version": "2021-04-16",
        "resources": {
            "a": {"type": "OS::Heat::RandomStrin"},
            "b": {"type": "OS::Heat::RandomString", "properties": {"lenght": 3}},
            "c": {"type": "OS::Heat::Value", "properties": {"value": {"get_resource": "nope"}}},
        },
    }
    answer = await heat("POST", f"/v1/{PROJECT}/stacks", {"stack_name": "s", "template": template})
    message = answer.json["error"]["message"]
    assert answer.status == 400
    for word in ("OS::Heat::RandomStrin", "lenght", "nope"):
        assert word in message


async def test_a_name_is_unique_in_its_project(heat: Client) -> None:
    await heat.create()
    answer = await heat("POST", f"/v1/{PROJECT}/stacks", {"stack_name": "s", "template": TEMPLATE})
    assert (answer.status, answer.json["error"]["type"]) == (409, "StackExists")


async def test_others_do_not_see_a_stack(heat: Client) -> None:
    url = await heat.create()
    other = "bob:p2:member"
    assert (await heat("GET", url, token=other)).status == 403
    assert (await heat("GET", url.replace(f"/{PROJECT}/", "/p2/"), token=other)).status == 404
    assert (await heat("GET", "/v1/p2/stacks", token=other)).json == {"stacks": []}
    assert (await heat("DELETE", url, token=f"ann:{PROJECT}:reader")).status == 403
    assert (await heat("GET", url, token="nonsense")).status == 401


async def test_resources_and_events(heat: Client) -> None:
    url = await heat.create()
    await heat.until(url, "CREATE_COMPLETE")
    found = (await heat("GET", f"{url}/resources")).json["resources"]
    shown = {each["resource_name"]: each for each in found}
    assert shown["a"]["required_by"] == ["b"] and shown["a"]["resource_status"] == "CREATE_COMPLETE"
    assert [link["rel"] for link in shown["a"]["links"]] == ["self", "stack"]
    only = (await heat("GET", f"{url}/resources?type=Random")).json["resources"]
    assert [each["resource_name"] for each in only] == ["b"]
    assert (await heat("GET", f"{url}/resources?colour=red")).status == 400
    one = (await heat("GET", f"{url}/resources/a")).json["resource"]
    assert one["attributes"] == {"output": "hello"}
    assert (await heat("GET", f"{url}/resources/nope")).json["error"]["type"] == "ResourceNotFound"
    assert (await heat("GET", f"{url}/resources/a/metadata")).json == {"metadata": {}}

    events = (await heat("GET", f"{url}/events?sort_dir=asc")).json["events"]
    assert [each["resource_status"] for each in events][:2] == ["CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS"]
    assert events[0]["resource_name"] == "s" and events[0]["physical_resource_id"] == url.rsplit("/", 1)[1]
    after = (await heat("GET", f"{url}/events?sort_dir=asc&marker={events[1]['id']}&limit=2")).json["events"]
    assert [each["id"] for each in after] == [each["id"] for each in events[2:4]]
    event = next(each for each in events if each["resource_name"] == "a")
    whole = (await heat("GET", f"{url}/resources/a/events/{event['id']}")).json["event"]
    assert whole["resource_type"] == "OS::Heat::TestResource"
    assert (await heat("GET", f"{url}/resources/nope/events")).status == 404


async def test_outputs_template_environment_and_files(heat: Client) -> None:
    url = await heat.create(parameters={"secret": "shh"}, files={"f": "text"})
    await heat.until(url, "CREATE_COMPLETE")
    listed = (await heat("GET", f"{url}/outputs")).json
    assert listed == {"outputs": [{"output_key": "said", "description": "what a says"}]}
    assert (await heat("GET", f"{url}/outputs/said")).json["output"]["output_value"] == "hello"
    assert (await heat("GET", f"{url}/outputs/nope")).status == 404
    assert (await heat("GET", f"{url}/template")).json == TEMPLATE
    assert (await heat("GET", f"{url}/environment")).json["parameters"] == {"secret": "******"}
    assert (await heat("GET", f"{url}/files")).json == {"f": "text"}


async def test_actions(heat: Client) -> None:
    url = await heat.create()
    await heat.until(url, "CREATE_COMPLETE")
    for action, status in (
        ("suspend", "SUSPEND_COMPLETE"),
        ("resume", "RESUME_COMPLETE"),
        ("check", "CHECK_COMPLETE"),
    ):
        answer = await heat("POST", f"{url}/actions", {action: None})
        assert (answer.status, answer.text) == (200, "null")
        await heat.until(url, status)
    assert (await heat("POST", f"{url}/actions", {})).status == 400
    assert (await heat("POST", f"{url}/actions", {"suspend": 1, "resume": 1})).status == 400
    assert (await heat("POST", f"{url}/actions", {"explode": None})).status == 400
    refused = await heat("POST", f"{url}/actions", {"cancel_update": None})
    assert (refused.status, refused.json["error"]["type"]) == (400, "NotSupported")


async def test_an_unhealthy_resource_is_replaced_by_the_next_update(heat: Client) -> None:
    url = await heat.create()
    await heat.until(url, "CREATE_COMPLETE")
    before = (await heat("GET", f"{url}/resources/b")).json["resource"]["physical_resource_id"]
    assert (await heat("PATCH", f"{url}/resources/b", {"mark_unhealthy": True})).text == "null"
    assert (await heat("GET", f"{url}/resources/b")).json["resource"]["resource_status"] == "CHECK_FAILED"
    assert (await heat("PATCH", url, {})).status == 202
    await heat.until(url, "UPDATE_COMPLETE")
    after = (await heat("GET", f"{url}/resources/b")).json["resource"]
    assert after["physical_resource_id"] != before and after["resource_status"] == "CREATE_COMPLETE"


async def test_the_list_is_paged_sorted_and_filtered(heat: Client) -> None:
    for name in ("one", "two", "three"):
        await heat.create(name, tags=f"all,{name}")
    base = f"/v1/{PROJECT}/stacks"
    names = lambda answer: [each["stack_name"] for each in answer.json["stacks"]]  # noqa: E731
    assert names(await heat("GET", base)) == ["three", "two", "one"]
    page = await heat("GET", f"{base}?limit=2&with_count=true&sort_keys=stack_name&sort_dir=asc")
    assert names(page) == ["one", "three"] and page.json["count"] == 3
    assert names(await heat("GET", page.json["links"][0]["href"])) == ["two"]
    assert names(await heat("GET", f"{base}?name=two")) == ["two"]
    assert names(await heat("GET", f"{base}?tags=all,two")) == ["two"]
    assert names(await heat("GET", f"{base}?not_tags_any=two,one")) == ["three"]
    assert names(await heat("GET", f"{base}?limit=0")) == []
    assert (await heat("GET", f"{base}?limit=x")).status == 400
    assert (await heat("GET", f"{base}?show_nested=maybe")).status == 400
    assert (await heat("GET", f"{base}?global_tenant=true")).status == 403


async def test_previews_make_nothing(heat: Client) -> None:
    body = {"stack_name": "s", "template": TEMPLATE}
    shown = (await heat("POST", f"/v1/{PROJECT}/stacks/preview", body)).json["stack"]
    assert shown["id"] == "None" and [each["resource_name"] for each in shown["resources"]] == ["a", "b"]
    assert (await heat("GET", f"/v1/{PROJECT}/stacks")).json == {"stacks": []}
    url = await heat.create()
    await heat.until(url, "CREATE_COMPLETE")
    changed = json.loads(json.dumps(TEMPLATE))
    changed["resources"]["b"]["properties"] = {"length": 5}
    changed["resources"]["c"] = {"type": "OS::Heat::None"}
    answer = await heat("PUT", f"{url}/preview", {"template": changed, "parameters": {"word": "new"}})
    changes = answer.json["resource_changes"]
    found = {key: [each["resource_name"] for each in values] for key, values in changes.items()}
    assert found == {"unchanged": [], "updated": ["a"], "replaced": ["b"], "added": ["c"], "deleted": []}


async def test_validation(heat: Client) -> None:
    answer = await heat("POST", f"/v1/{PROJECT}/validate", {"template": TEMPLATE})
    assert answer.json["Description"] == "two things"
    assert answer.json["Parameters"]["secret"] == {
        "Type": "String", "Description": "", "NoEcho": "true", "Label": "secret", "Default": "x"
    }  # fmt: skip
    assert (await heat("POST", f"/v1/{PROJECT}/validate", {"template": {"a": 1}})).status == 400


async def test_what_the_service_is(heat: Client) -> None:
    versions = await heat("GET", "/")
    assert versions.status == 300 and versions.json["versions"][0]["id"] == "v1.0"
    assert (await heat("GET", f"/v1/{PROJECT}/build_info")).json["api"]["revision"]
    admin = f"root:{PROJECT}:admin"
    services = (await heat("GET", f"/v1/{PROJECT}/services", token=admin)).json["services"]
    assert [each["status"] for each in services] == ["up"]
    types = (await heat("GET", f"/v1/{PROJECT}/resource_types?name=OS::Heat::Random")).json
    assert types == {"resource_types": ["OS::Heat::RandomString"]}
    schema = (await heat("GET", f"/v1/{PROJECT}/resource_types/OS::Heat::RandomString")).json
    assert schema["properties"]["length"]["type"] == "integer"
    template = (
        await heat("GET", f"/v1/{PROJECT}/resource_types/OS::Heat::Value/template?template_type=hot")
    ).json
    assert template["resources"]["Value"]["type"] == "OS::Heat::Value"
    versions = (await heat("GET", f"/v1/{PROJECT}/template_versions")).json
    assert "heat_template_version.2021-04-16" in [v["version"] for v in versions["template_versions"]]
    path = f"/v1/{PROJECT}/template_versions/heat_template_version.2018-08-31/functions"
    functions = (await heat("GET", path)).json["template_functions"]
    assert "get_attr" in [each["functions"] for each in functions]
    assert (await heat("GET", f"/v1/{PROJECT}/software_configs")).json == {"software_configs": []}
    assert (await heat("GET", "/healthcheck")).text == "OK"
    unknown = await heat("GET", f"/v1/{PROJECT}/nonsense")
    assert unknown.status == 404 and unknown.headers["content-type"].startswith("text/plain")
    assert (await heat("PUT", f"/v1/{PROJECT}/build_info")).status == 405


async def test_a_stack_with_hundreds_of_resources_is_shown_whole_and_changed(heat: Client) -> None:
    names = [f"r{number}" for number in range(550)]
    word = {"type": "OS::Heat::Value", "properties": {"value": "x"}}
    template = {
        "heat_template_version": "2021-04-16",
        "resources": dict.fromkeys(names, word),
        "outputs": {"last": {"value": {"get_attr": [names[-1], "value"]}}},
    }
    url = await heat.create("big", template)
    assert (await heat.until(url, "CREATE_COMPLETE"))["outputs"][0]["output_value"] == "x"
    listed = (await heat("GET", f"{url}/resources")).json["resources"]
    assert {each["resource_name"] for each in listed} == set(names)
    assert {each["resource_status"] for each in listed} == {"CREATE_COMPLETE"}
    detailed = (await heat("GET", f"{url}/resources?with_detail=true&name=r7")).json["resources"]
    assert [(each["resource_name"], each["attributes"]) for each in detailed] == [("r7", {"value": "x"})]
    assert (await heat("GET", f"{url}/why")).status == 200
    template["resources"][names[-1]] = {"type": "OS::Heat::Value", "properties": {"value": "y"}}
    assert (await heat("PUT", url, {"template": template})).status == 202
    assert (await heat.until(url, "UPDATE_COMPLETE"))["outputs"][0]["output_value"] == "y"
    assert (await heat("GET", f"{url}/template")).json == template
    assert (await heat("DELETE", url)).status == 204
    await heat.until(url, "DELETE_COMPLETE")
