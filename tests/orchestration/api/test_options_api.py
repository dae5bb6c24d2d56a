# SPDX-License-Identifier: Apache-2.0
"""What an operator writes into heat.conf holds: limits, defaults, switches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fake_cloud import FakeCloud, Thing
from heat_client import PROJECT, TEMPLATE, Client, Tokens
from stand import Stand

from samovar.config import load
from samovar.orchestration.api import Service
from samovar.orchestration.engine.tables import credentials
from samovar.orchestration.resources.behaviour import ResourceContext, ResourceGone

Start = Callable[[str], Awaitable[Client]]
HOT = {"heat_template_version": "2021-04-16"}


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts the API and an engine with these lines in heat.conf."""
    stands: list[Stand] = []

    async def started(options: str) -> Client:
        file = tmp_path / "heat.conf"
        file.write_text(f"[DEFAULT]\n{options}\n")
        stand = Stand(tmp_path)
        stand.settings = load(tmp_path, [file])
        stands.append(stand)
        await stand.engine()
        return Client(stand, Service(stand.parts(), Tokens()))

    yield started
    for stand in stands:
        await stand.close()
        stand.settings = load(tmp_path)
        stand.parts()  # the defaults of types are those of the program again


async def refusal(heat: Client, template: Any, **body: Any) -> str:
    answer = await heat("POST", f"/v1/{PROJECT}/stacks", {"stack_name": "s", "template": template, **body})
    assert answer.status == 400, answer.text
    return f"{answer.json['error']['type']}: {answer.json['error']['message']}"


def things(count: int) -> dict[str, Any]:
    return {**HOT, "resources": {f"r{n}": {"type": "OS::Heat::TestResource"} for n in range(count)}}


async def test_limits(start: Start) -> None:
    heat = await start(
        "max_template_size = 2000\nmax_resources_per_stack = 3\nmax_stacks_per_tenant = 1\n"
        "max_nested_stack_depth = 1"
    )
    long = {**HOT, "description": "x" * 2000, "resources": {}}
    assert "RequestLimitExceeded" in (told := await refusal(heat, long)) and "2000" in told
    assert "RequestLimitExceeded" in (told := await refusal(heat, things(4))) and "3" in told
    inner = "{heat_template_version: 2018-08-31, resources: {x: {type: in.yaml}}}"
    leaf = "{heat_template_version: 2018-08-31, resources: {y: {type: 'OS::Heat::TestResource'}}}"
    deep = {**HOT, "resources": {"n": {"type": "mid.yaml"}}}
    told = await refusal(heat, deep, files={"mid.yaml": inner, "in.yaml": leaf})
    assert "depth" in told.lower() and "1" in told
    url = await heat.create("one", things(3))
    await heat.until(url, "CREATE_COMPLETE")
    assert "max_stacks_per_tenant" in await refusal(heat, things(1))
    grown = await heat("PUT", url, {"template": things(4)})
    assert grown.status == 400 and grown.json["error"]["type"] == "RequestLimitExceeded"


async def test_only_what_needs_a_cloud_makes_its_owner_delegate(start: Start) -> None:
    heat = await start("")
    group = {
        "type": "OS::Heat::ResourceGroup",
        "properties": {"count": 2, "resource_def": {"type": "inner.yaml"}},
    }
    template = {**HOT, "resources": {"g": group}}
    inner = "{heat_template_version: 2018-08-31, resources: {y: {type: 'OS::Heat::RandomString'}}}"
    url = await heat.create("none", template, files={"inner.yaml": inner})
    await heat.until(url, "CREATE_COMPLETE")
    delegated = await heat.stand.database.read(lambda c: c.execute(credentials.select()).all())
    assert delegated == []


async def test_a_group_beyond_the_limit_fails_and_can_be_deleted(start: Start) -> None:
    heat = await start("max_resources_per_stack = 3")
    member = {"type": "OS::Heat::TestResource"}
    group = {
        "type": "OS::Heat::ResourceGroup",
        "properties": {"count": {"get_attr": ["n", "value"]}, "resource_def": member},
    }
    number = {"type": "OS::Heat::Value", "properties": {"type": "number", "value": 5}}
    url = await heat.create("s", {**HOT, "resources": {"n": number, "g": group}})
    stack = await heat.until(url, "CREATE_FAILED")
    assert "max_resources_per_stack" in stack["stack_status_reason"]
    assert (await heat("DELETE", url)).status == 204
    await heat.until(url, "DELETE_COMPLETE")


async def test_the_time_of_an_action(start: Start) -> None:
    heat = await start("stack_action_timeout = 1")
    slow = {"type": "OS::Heat::TestResource", "properties": {"wait_secs": 60}}
    url = await heat.create("slow", {**HOT, "resources": {"a": slow}})
    assert (await heat.until(url, "CREATE_FAILED"))["stack_status_reason"] == "Timed out"


@pytest.mark.parametrize(
    ("option", "value", "type_name", "property_name"),
    [
        (
            "default_deployment_signal_transport",
            "HEAT_SIGNAL",
            "OS::Heat::SoftwareDeployment",
            "signal_transport",
        ),
        (
            "default_software_config_transport",
            "POLL_SERVER_HEAT",
            "OS::Nova::Server",
            "software_config_transport",
        ),
        ("default_user_data_format", "RAW", "OS::Nova::Server", "user_data_format"),
    ],
)
async def test_defaults_of_properties(
    start: Start, option: str, value: str, type_name: str, property_name: str
) -> None:
    heat = await start(f"{option} = {value}")
    shown = (await heat("GET", f"/v1/{PROJECT}/resource_types/{type_name}")).json
    assert shown["properties"][property_name]["default"] == value
    body = {"template": {**HOT, "resources": {"r": {"type": type_name, "properties": NEEDED[type_name]}}}}
    answer = await heat("POST", f"/v1/{PROJECT}/validate", body)
    assert answer.status == 200, answer.text


NEEDED = {
    "OS::Heat::SoftwareDeployment": {"server": "s", "config": "c"},
    "OS::Nova::Server": {"flavor": "m1.nano", "image": "host"},
}


async def test_a_default_that_is_none_is_told(start: Start) -> None:
    with pytest.raises(ValueError, match=r"default_user_data_format is \"NICE\"; it can be HEAT_CFNTOOLS"):
        await start("default_user_data_format = NICE")


@pytest.mark.parametrize(
    ("type_name", "values", "service"),
    [
        ("OS::Heat::WaitConditionHandle", {"signal_transport": "TEMP_URL_SIGNAL"}, "object-store"),
        ("OS::Heat::WaitConditionHandle", {"signal_transport": "ZAQAR_SIGNAL"}, "messaging"),
        (
            "OS::Heat::SoftwareDeployment",
            {"server": "s", "config": "c", "signal_transport": "TEMP_URL_SIGNAL"},
            "object-store",
        ),
        ("OS::Heat::DeployedServer", {"software_config_transport": "ZAQAR_MESSAGE"}, "messaging"),
    ],
)
async def test_transports_without_their_service_are_refused(
    start: Start, type_name: str, values: dict[str, Any], service: str
) -> None:
    heat = await start("")
    told = await refusal(heat, {**HOT, "resources": {"r": {"type": type_name, "properties": values}}})
    assert f"needs the {service} service" in told and "Use " in told and "resources.r.properties" in told


class Seen(Thing):
    """A thing that can be looked at."""

    async def observe(self, context: ResourceContext) -> dict[str, Any]:
        thing = self.cloud.things.get(context.physical_id or "")
        if thing is None:
            raise ResourceGone(f"The thing {context.physical_id} is gone.")
        return {"value": thing["values"].get("value")}


@pytest.mark.parametrize(
    ("options", "body", "mended"),
    [
        ("", {}, False),
        ("", {"converge": True}, True),
        ("observe_on_update = true", {}, True),
        ("observe_on_update = true", {"converge": False}, False),
    ],
)
async def test_an_update_may_look_at_what_is_there(
    start: Start, options: str, body: dict[str, Any], mended: bool
) -> None:
    heat, cloud = await start(options), FakeCloud()
    heat.stand.behaviours["OS::Heat::TestResource"] = Seen(cloud)
    thing = {"type": "OS::Heat::TestResource", "properties": {"value": "right"}}
    group = {"type": "OS::Heat::ResourceGroup", "properties": {"count": 2, "resource_def": thing}}
    template = {**HOT, "resources": {"gone": thing, "other": thing, "group": group}}
    url = await heat.create("s", template)
    await heat.until(url, "CREATE_COMPLETE")
    names = {thing["name"].split("-")[1]: identity for identity, thing in cloud.things.items()}
    del cloud.things[names["gone"]]
    cloud.things[names["other"]]["values"] = {"value": "changed by hand"}
    del cloud.things[names["group"]]  # one of the group's
    assert (await heat("PUT", url, {"template": template, **body})).status == 202
    await heat.until(url, "UPDATE_COMPLETE")
    assert len(cloud.things) == (4 if mended else 2), cloud.things
    values = {thing["values"]["value"] for thing in cloud.things.values()}
    assert values == ({"right"} if mended else {"right", "changed by hand"})


async def test_the_template_given_is_kept_as_it_is(start: Start) -> None:
    heat = await start("default_user_data_format = RAW")
    url = await heat.create(template=TEMPLATE)
    deadline = time.monotonic() + 5
    while (await heat("GET", f"{url}/template")).json != TEMPLATE:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
