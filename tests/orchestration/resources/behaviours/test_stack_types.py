# SPDX-License-Identifier: Apache-2.0
"""Types that live in the stack alone: values, random strings, placeholders, wait conditions."""

import json
import time

import pytest

from samovar.orchestration.resources.behaviour import ResourceFailed, Waiting
from samovar.orchestration.resources.behaviours import behaviour_of, is_available
from samovar.orchestration.resources.validation import validate_properties


async def test_a_random_string_is_what_was_asked_for(alone):
    string = alone(
        "OS::Heat::RandomString",
        length=20,
        character_classes=[{"class": "digits", "min": 5}],
        character_sequences=[{"sequence": "-", "min": 3}],
    )
    value = await string.create()
    assert len(value) == 20
    assert value.count("-") >= 3
    assert set(value) <= set("0123456789-")
    assert sum(character.isdigit() for character in value) >= 5
    assert await string.attribute("value") == value
    assert await string.behaviour.find(string) == string.physical_id


async def test_an_older_spelling_of_the_character_class_works(alone):
    assert (await alone("OS::Heat::RandomString", sequence="octdigits").create()).isdigit()


async def test_impossible_minima_are_told(alone):
    string = alone("OS::Heat::RandomString", length=8)
    await string.take(string.given)
    string.properties |= {"length": 2, "character_classes": [{"class": "digits", "min": 5}]}
    with pytest.raises(ResourceFailed, match="need at least 5"):
        await string.behaviour.prepare(string)


@pytest.mark.parametrize(
    ("kind", "value", "fine"),
    [
        ("number", "12", True),
        ("number", "twelve", False),
        ("boolean", "off", True),
        ("boolean", "maybe", False),
        ("json", '{"a": 1}', True),
        ("json", "{", False),
        ("comma_delimited_list", "a,b", True),
        ("comma_delimited_list", {}, False),
        ("string", "x", True),
        ("string", [], False),
        (None, [1, {"a": None}], True),
    ],
)
async def test_a_value_is_checked_and_given_back(alone, kind, value, fine):
    given = {"value": value} | ({"type": kind} if kind else {})
    resource = alone("OS::Heat::Value", **given)
    found = validate_properties(resource.type, given).diagnostics
    assert [each.path for each in found.errors] == ([] if fine else ["value"])
    if fine:
        await resource.create()
        assert await resource.attribute("value") == value


async def test_a_retired_type_accepts_anything(alone):
    resource = alone("OS::Senlin::Cluster", whatever={"a": 1})
    assert await resource.create() == resource.uuid
    assert await resource.attribute("anything") is None
    await resource.delete()


async def test_the_test_resource_fails_when_asked(alone):
    assert await alone("OS::Heat::TestResource", value="v").create()
    with pytest.raises(ResourceFailed, match="Test Resource failed res") as caught:
        await alone("OS::Heat::TestResource", fail=True).create()
    assert caught.value.kind == "ValueError"


async def test_the_test_resource_waits_for_its_action(alone):
    slow = alone("OS::Heat::TestResource", action_wait_secs={"create": 30})
    await slow.take(slow.given)
    await slow.behaviour.create(slow)
    assert isinstance(await slow.behaviour.progress(slow, "CREATE"), Waiting)
    assert await slow.behaviour.progress(slow, "DELETE") is None


@pytest.fixture
async def handle(alone):
    handle = alone("OS::Heat::WaitConditionHandle")
    await handle.create()
    return handle


@pytest.fixture
async def condition(alone, handle):
    condition = alone("OS::Heat::WaitCondition", handle="uid", timeout=60, count=2)
    condition.others["uid"] = handle
    await condition.take(condition.given)
    condition.physical_id = await condition.behaviour.create(condition)
    return condition


async def test_a_wait_condition_counts_signals(handle, condition):
    assert "0 of 2 received" in (await condition.behaviour.progress(condition, "CREATE")).for_what
    reason = await handle.behaviour.signal(handle, {"data": "one"})
    assert reason == "status:SUCCESS reason:Signal 1 received"
    await handle.behaviour.signal(handle, {"data": "again", "id": "1"})
    assert await condition.behaviour.progress(condition, "CREATE") is not None
    await handle.behaviour.signal(handle, {"id": "x", "data": 2})
    assert await condition.behaviour.progress(condition, "CREATE") is None
    assert json.loads(await condition.attribute("data")) == {"1": "again", "x": 2}
    await condition.delete()
    assert handle.metadata == {}


async def test_a_failure_signal_fails_the_condition(handle, condition):
    await handle.behaviour.signal(handle, {"status": "FAILURE", "reason": "disk full"})
    with pytest.raises(ResourceFailed, match="disk full") as caught:
        await condition.behaviour.progress(condition, "CREATE")
    assert caught.value.kind == "WaitConditionFailure"


async def test_a_condition_times_out(handle, condition):
    await handle.behaviour.signal(handle, {})
    condition.data["begun"] = repr(time.time() - 100)
    with pytest.raises(ResourceFailed, match="1 of 2 received - Signal 1 received"):
        await condition.behaviour.progress(condition, "CREATE")


@pytest.mark.parametrize("details", [{"other": 1}, "text", {"status": "MAYBE"}])
async def test_a_wrong_signal_is_refused(handle, details):
    with pytest.raises(ResourceFailed):
        await handle.behaviour.signal(handle, details)
    assert handle.metadata == {}


async def test_a_handle_says_how_to_signal_it(handle):
    assert await handle.attribute("token") == "tok"
    assert await handle.attribute("curl_cli") == (
        "curl -i -X POST -H 'X-Auth-Token: tok' -H 'Content-Type: application/json'"
        " -H 'Accept: application/json' http://e"
    )
    assert json.loads(await handle.attribute("signal")) == {"alarm_url": "http://e", "token": "tok"}


async def test_an_aws_handle_is_its_url(alone):
    handle = alone("AWS::CloudFormation::WaitConditionHandle")
    assert await handle.create() == "http://p"
    with pytest.raises(ResourceFailed, match="UniqueId"):
        await handle.behaviour.signal(handle, {"Status": "SUCCESS"})


async def test_a_type_without_its_service_says_so(alone):
    share = alone("OS::Manila::Share", share_protocol="NFS", size=1)
    with pytest.raises(ResourceFailed, match="needs the shared-file-system service"):
        await share.create()
    assert not is_available("OS::Manila::Share")
    assert is_available("OS::Quantum::Net")
    assert behaviour_of("OS::Quantum::Net") is behaviour_of("OS::Neutron::Net")


async def test_a_delay_lets_time_pass_in_its_actions_alone(alone):
    delay = alone("OS::Heat::Delay", min_wait=0.05, max_jitter=0.01, actions=["CREATE"])
    before = time.monotonic()
    await delay.create()
    assert time.monotonic() - before >= 0.05
    before = time.monotonic()
    await delay.delete()
    assert time.monotonic() - before < 0.05
