# SPDX-License-Identifier: Apache-2.0
"""Plans over the API: what they show, that they come true, and that a stale one is refused."""

from __future__ import annotations

from typing import Any

from heat_client import PROJECT, TEMPLATE, Client

PLANS = f"/v1/{PROJECT}/plans"
HEAD = "heat_template_version: 2021-04-16\n"


def thing(**properties: Any) -> dict[str, Any]:
    return {"type": "OS::Heat::TestResource", "properties": properties}


def template(**resources: Any) -> dict[str, Any]:
    return {"heat_template_version": "2021-04-16", "resources": resources}


async def plan(heat: Client, template_: Any, name: str = "s", **body: Any) -> dict[str, Any]:
    path = f"/v1/{heat.token.split(':')[1]}/plans"
    answer = await heat("POST", path, {"stack_name": name, "template": template_, **body})
    assert answer.status == 200, answer.text
    return dict(answer.json)


def actions(document: list[dict[str, Any]]) -> dict[str, str]:
    """The action of each resource by its path, nested stacks included."""
    found = {}
    for change in document:
        found[change["path"]] = change["action"]
        found |= actions(change.get("nested", []))
    return found


async def test_a_plan_comes_true_and_then_nothing_is_left_to_do(heat: Client) -> None:
    planned = await plan(heat, TEMPLATE)
    assert actions(planned["plan"]["changes"]) == {"a": "create", "b": "create"}
    assert "Plan: 2 to create." in planned["text"]
    body = {"stack_name": "s", "template": TEMPLATE, "plan_hash": planned["hash"]}
    created = await heat("POST", f"/v1/{PROJECT}/stacks", body)
    assert created.status == 201, created.text
    url = created.headers["location"]
    await heat.until(url, "CREATE_COMPLETE")
    again = await plan(heat, TEMPLATE)
    assert again["plan"]["empty"] and "Nothing to do" in again["text"]
    changed = await plan(heat, TEMPLATE, parameters={"word": "bye"})
    assert actions(changed["plan"]["changes"]) == {"a": "update", "b": "no-op"}
    update = {"template": TEMPLATE, "parameters": {"word": "bye"}, "plan_hash": changed["hash"]}
    assert (await heat("PUT", url, update)).status == 202
    await heat.until(url, "UPDATE_COMPLETE")
    assert (await plan(heat, TEMPLATE, parameters={"word": "bye"}))["plan"]["empty"]


async def test_a_stale_plan_is_refused_and_tells_what_it_is_now(heat: Client) -> None:
    url = await heat.create()
    await heat.until(url, "CREATE_COMPLETE")
    planned = await plan(heat, TEMPLATE, parameters={"word": "bye"})
    other = {"template": template(), "parameters": {}, "plan_hash": planned["hash"]}
    refused = await heat("PUT", url, other)
    assert refused.status == 409, refused.text
    error = refused.json["error"]
    assert error["type"] == "PlanChanged"
    assert "Plan: 2 to delete." in error["message"] and "- b  OS::Heat::RandomString" in error["message"]
    assert (await heat("GET", url)).json["stack"]["stack_status"] == "CREATE_COMPLETE"
    body = {"stack_name": "t", "template": TEMPLATE, "plan_hash": planned["hash"]}
    assert (await heat("POST", f"/v1/{PROJECT}/stacks", body)).status == 409
    assert (
        await heat("POST", PLANS, {"stack_name": "s", "template": TEMPLATE, "format": "png"})
    ).status == 400


async def test_what_forces_a_replacement_is_named_and_later_values_are_marked(heat: Client) -> None:
    def chain(length: int) -> dict[str, Any]:
        made = {"type": "OS::Heat::RandomString", "properties": {"length": length}}
        return template(word=made, user=thing(value={"get_attr": ["word", "value"]}))

    await heat.until(await heat.create(template=chain(8)), "CREATE_COMPLETE")
    planned = await plan(heat, chain(9))
    word, user = planned["plan"]["changes"]
    assert word["action"] == "replace" and word["reasons"][0]["property"] == "length"
    assert user["properties"][0]["after"] == {"known_later": "word value"} and not user["certain"]
    assert "length = 8 -> 9  # forces replacement" in planned["text"]
    assert "(known later: word value)" in planned["text"]


async def test_nested_stacks_stand_in_their_place(heat: Client) -> None:
    inner = HEAD + (
        "parameters: {v: {type: string}}\n"
        "resources: {x: {type: OS::Heat::TestResource, properties: {value: {get_param: v}}}}\n"
        "outputs: {o: {value: {get_attr: [x, output]}}}\n"
    )
    files = {"inner.yaml": inner}

    def outer(value: str, count: int) -> dict[str, Any]:
        member = thing(value=f"{value} %index%")
        return template(
            one={"type": "inner.yaml", "properties": {"v": value}},
            group={"type": "OS::Heat::ResourceGroup", "properties": {"count": count, "resource_def": member}},
            user=thing(value={"get_attr": ["one", "o"]}),
        )

    first = await plan(heat, outer("a", 2), files=files)
    assert actions(first["plan"]["changes"]) == dict.fromkeys(
        ["one", "one.x", "group", "group.0", "group.1", "user"], "create"
    )
    heat.token = "ann:p:member"  # the stand's own project; a nested stack would ask its cloud to delegate
    stack = await heat.stand.create(outer("a", 2), files=files)
    assert (await heat.stand.settled(stack)).status == "COMPLETE"
    assert (await plan(heat, outer("a", 2), files=files))["plan"]["empty"]
    grown = actions((await plan(heat, outer("a", 3), files=files))["plan"]["changes"])
    assert grown["group.2"] == "create" and grown["group.0"] == "no-op" and grown["one.x"] == "no-op"
    shrunk = actions((await plan(heat, outer("a", 1), files=files))["plan"]["changes"])
    assert shrunk["group.1"] == "delete"
    changed = await plan(heat, outer("b", 2), files=files)
    found = actions(changed["plan"]["changes"])
    assert found["one.x"] == "update" and found["group.0"] == "update"
    for form, start in (("mermaid", "flowchart"), ("dot", "digraph"), ("svg", "<svg")):
        drawn = (await plan(heat, outer("b", 2), files=files, format=form))[form]
        assert drawn.startswith(start) and "~ group" in drawn


async def test_secrets_are_never_shown(heat: Client) -> None:
    given = {
        "heat_template_version": "2021-04-16",
        "parameters": {"password": {"type": "string", "hidden": True}},
        "resources": {
            "a": thing(
                value={"str_replace": {"template": "pw=P", "params": {"P": {"get_param": "password"}}}}
            )
        },
    }
    await heat.until(
        await heat.create(template=given, parameters={"password": "0ld-sekret"}), "CREATE_COMPLETE"
    )
    for form in ("text", "dot", "mermaid", "svg"):
        answer = await heat(
            "POST", PLANS,
            {"stack_name": "s", "template": given, "parameters": {"password": "n3w-sekret"}, "format": form},
        )  # fmt: skip
        assert answer.status == 200 and "sekret" not in answer.text
        assert actions(answer.json["plan"]["changes"]) == {"a": "update"}


async def test_templates_without_end_are_refused(heat: Client) -> None:
    again = HEAD + (
        "resources: {g: {type: OS::Heat::ResourceGroup, properties: {count: 2, resource_def: {type: again.yaml}}}}"
    )
    answer = await heat("POST", PLANS, {"stack_name": "s", "template": again, "files": {"again.yaml": again}})
    assert answer.status in (400, 403) and "depth" in answer.text
    many = template(
        g={
            "type": "OS::Heat::ResourceGroup",
            "properties": {"count": 10**9, "resource_def": thing(value="x")},
        }
    )
    answer = await heat("POST", PLANS, {"stack_name": "s", "template": many})
    assert answer.status in (400, 403) and "100000 members" in answer.text
