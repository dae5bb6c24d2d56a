# SPDX-License-Identifier: Apache-2.0
"""Plans: the decision table by examples, and by properties: what was applied needs no change."""

from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samovar.orchestration.plans import (
    Action,
    DesiredResource,
    Fate,
    Observed,
    StoredResource,
    StoredStack,
    make_plan,
)
from samovar.orchestration.resources.registry import find_type
from samovar.orchestration.resources.traits import DeclaredTraits
from samovar.orchestration.resources.validation import validate_properties
from samovar.orchestration.templates.values import Unknown

TEST = "OS::Heat::TestResource"
RANDOM = "OS::Heat::RandomString"


numbers = count()


@dataclass
class Wanted:
    """A desired stack in which a value {"ref": name} means the reference id of another resource."""

    resources: dict[str, dict]
    stored: StoredStack = field(default_factory=StoredStack)
    name: str = "demo"

    def order(self):
        done, todo = [], list(self.resources)
        while todo:
            for name in todo:
                if all(each in done for each in self.requires(name)):
                    done.append(name)
                    todo.remove(name)
                    break
        return done

    def requires(self, name):
        values = self.resources[name].get("properties", {}).values()
        return tuple(each["ref"] for each in values if isinstance(each, dict) and "ref" in each)

    def resource(self, name, fates):
        given_ = self.resources[name]
        ids = {row.name: row.physical_id for row in self.stored.resources}

        def resolved(value):
            if isinstance(value, dict) and "ref" in value:
                return Unknown(value["ref"]) if fates[value["ref"]] is Fate.NEW else ids[value["ref"]]
            return value

        properties = {key: resolved(value) for key, value in given_.get("properties", {}).items()}
        type_name = given_.get("type", TEST)
        return DesiredResource(
            name=name,
            type=type_name,
            properties=validate_properties(find_type(type_name), properties).values,
            requires=self.requires(name),
            **{key: value for key, value in given_.items() if key not in ("type", "properties")},
        )

    def traits(self, type_name):
        return DeclaredTraits(find_type(type_name))


def applied(wanted: Wanted) -> StoredStack:
    """The rows after a plan was carried out."""
    plan = make_plan(wanted.stored, wanted)
    rows, fates = {}, {}
    old = {row.name: row for row in wanted.stored.resources}
    for name in wanted.order():
        change = plan.change_of(name)
        fresh = change.action in (Action.CREATE, Action.REPLACE)
        row_id = f"{name}-{next(numbers)}" if fresh else old[name].id
        physical = f"physical-{row_id}" if fresh else old[name].physical_id
        rows[name] = StoredResource(name=name, type=TEST, id=row_id, physical_id=physical)
        fates[name] = Fate.KEPT
        now = Wanted(wanted.resources, StoredStack(tuple(rows.values())))
        final = now.resource(name, fates)
        rows[name] = replace(
            rows[name],
            type=final.type,
            properties=final.properties,
            metadata=final.metadata,
            requires=tuple(rows[each].id for each in final.requires),
        )
    return StoredStack(tuple(rows.values()))


def test_everything_is_created_at_first():
    wanted = Wanted({"a": {"properties": {"value": "x"}}, "b": {"properties": {"value": {"ref": "a"}}}})
    plan = make_plan(StoredStack(), wanted)
    assert [(change.action, change.name) for change in plan.changes] == [
        (Action.CREATE, "a"),
        (Action.CREATE, "b"),
    ]
    assert [step.name for step in plan.work.order()] == ["a", "b"]


def test_an_applied_plan_leaves_nothing_to_do():
    resources = {
        "a": {"type": RANDOM, "properties": {"length": 8}},
        "b": {"properties": {"value": {"ref": "a"}}},
    }
    stored = applied(Wanted(resources))
    assert make_plan(stored, Wanted(resources, stored)).is_empty


def test_a_change_in_place_keeps_what_refers_to_it():
    before = {"a": {"properties": {"value": "x"}}, "b": {"properties": {"value": {"ref": "a"}}}}
    stored = applied(Wanted(before))
    after = {"a": {"properties": {"value": "y"}}, "b": before["b"]}
    plan = make_plan(stored, Wanted(after, stored))
    assert [change.action for change in plan.changes] == [Action.UPDATE, Action.NO_OP]
    assert plan.changes[0].reasons[0].property == "value"


def test_a_replacement_is_explained_and_passed_on():
    before = {
        "a": {"type": RANDOM, "properties": {"length": 8}},
        "b": {"properties": {"value": {"ref": "a"}}},
    }
    stored = applied(Wanted(before))
    after = {"a": {"type": RANDOM, "properties": {"length": 9}}, "b": before["b"]}
    plan = make_plan(stored, Wanted(after, stored))
    first, second = plan.changes
    assert (first.action, first.reasons[0].property) == (Action.REPLACE, "length")
    assert (second.action, second.certain) == (Action.UPDATE, False)
    old = next(row for row in stored.resources if row.name == "a")
    order = [(step.name, step.cleans) for step in plan.work.order()]
    assert order == [("a", False), ("b", False), ("a", True)]
    assert old.id in {step.stored_id for step in plan.work}


def test_what_left_the_template_goes_in_reverse_order():
    stored = applied(Wanted({"a": {}, "b": {"properties": {"value": {"ref": "a"}}}}))
    plan = make_plan(stored, None)
    assert [(change.action, change.name) for change in plan.changes] == [
        (Action.DELETE, "b"),
        (Action.DELETE, "a"),
    ]
    assert [step.name for step in plan.work.order()] == ["b", "a"]


def test_a_retained_resource_is_let_go():
    row = StoredResource("a", TEST, "1", "p", deletion_policy="Retain")
    assert make_plan(StoredStack((row,)), None).changes[0].action is Action.FORGET


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (("CREATE", "FAILED"), Action.REPLACE),
        (("UPDATE", "FAILED"), Action.REPLACE),
        (("CHECK", "FAILED"), Action.REPLACE),
        (("INIT", "COMPLETE"), Action.CREATE),
        (("DELETE", "COMPLETE"), Action.CREATE),
        (("CREATE", "IN_PROGRESS"), Action.CREATE),
        (("UPDATE", "IN_PROGRESS"), Action.UPDATE),
        (("RESUME", "COMPLETE"), Action.NO_OP),
    ],
)
def test_the_state_of_the_row_decides_first(state, expected):
    (row,) = applied(Wanted({"a": {}})).resources
    stored = StoredStack((replace(row, action=state[0], status=state[1]),))
    assert make_plan(stored, Wanted({"a": {}}, stored)).changes[0].action is expected


def test_a_failed_port_that_is_healthy_stays():
    port = "OS::Neutron::Port"
    wanted = Wanted({"a": {"type": port, "properties": {"network": "n"}}})
    (row,) = applied(wanted).resources
    failed = StoredStack((replace(row, type=port, status="FAILED"),))
    now = Wanted(wanted.resources, failed)
    assert make_plan(failed, now).changes[0].action is Action.REPLACE
    healthy = {row.id: Observed(healthy=True)}
    assert make_plan(failed, now, healthy).changes[0].action is Action.NO_OP
    gone = {row.id: Observed(gone=True)}
    assert make_plan(failed, now, gone).changes[0].action is Action.REPLACE


def test_drift_is_repaired_when_it_was_observed():
    wanted = Wanted({"a": {"type": "OS::Neutron::Net", "properties": {"name": "blue"}}})
    stored = applied(wanted)
    now = Wanted(wanted.resources, stored)
    seen = {stored.resources[0].id: Observed({"name": "red"})}
    (change,) = make_plan(stored, now, seen).changes
    assert change.action is Action.UPDATE
    assert (change.properties[0].before, change.properties[0].after) == ("red", "blue")


def test_received_signals_are_no_change():
    wanted = Wanted({"h": {"type": "OS::Heat::WaitConditionHandle"}})
    stored = applied(wanted)
    (row,) = stored.resources
    signalled = StoredStack((replace(row, metadata={"1": {"status": "SUCCESS"}}),))
    assert make_plan(signalled, Wanted(wanted.resources, signalled)).is_empty
    other = StoredStack((replace(row, type=TEST, metadata={"a": 1}),))
    assert make_plan(other, Wanted({"h": {}}, other)).changes[0].action is Action.UPDATE


def test_restricted_actions_refuse():
    stored = applied(Wanted({"a": {}}))
    wanted = {"a": {"properties": {"value": "new"}, "restricted_actions": frozenset({"update"})}}
    plan = make_plan(stored, Wanted(wanted, stored))
    assert [text for _, text in plan.refusals] == ["updating it is restricted by the environment"]


def test_what_changes_inside_a_restricted_nested_stack_is_refused_too():
    inner = applied(Wanted({"x": {"properties": {"value": "old"}}}))
    (row,) = applied(Wanted({"a": {}})).resources
    stored = StoredStack((replace(row, nested=inner),))

    def refusals(value):
        nested = Wanted({"x": {"properties": {"value": value}}}, inner)
        wanted = {"a": {"restricted_actions": frozenset({"update"}), "nested": nested}}
        return [(each.full_path, text) for each, text in make_plan(stored, Wanted(wanted, stored)).refusals]

    assert refusals("new") == [("a", "updating it is restricted by the environment")]
    assert refusals("old") == []


def test_an_external_id_may_not_change():
    row = StoredResource("a", TEST, "1", "p", external_id="p")
    stored = StoredStack((row,))
    assert make_plan(stored, Wanted({"a": {"external_id": "p"}}, stored)).is_empty
    assert make_plan(stored, Wanted({"a": {"external_id": "q"}}, stored)).refusals


def test_a_server_follows_its_update_policies():
    def plan_of(policy):
        first = {"flavor": "small", "flavor_update_policy": policy}
        wanted = Wanted({"a": {"type": "OS::Nova::Server", "properties": first}})
        stored = applied(wanted)
        second = {"a": {"type": "OS::Nova::Server", "properties": first | {"flavor": "big"}}}
        return make_plan(stored, Wanted(second, stored)).changes[0].action

    assert plan_of("RESIZE") is Action.UPDATE
    assert plan_of("REPLACE") is Action.REPLACE


names = st.sampled_from(["a", "b", "c", "d", "e"])


@st.composite
def stacks(draw):
    resources = {}
    for name in draw(st.sets(names)):
        possible = list(resources)
        value = draw(st.sampled_from(["x", "y"]))
        if possible and draw(st.booleans()):
            value = {"ref": draw(st.sampled_from(possible))}
        kind = draw(st.sampled_from([TEST, RANDOM]))
        key = "value" if kind == TEST else "salt"
        resources[name] = {"type": kind, "properties": {key: value}}
    return resources


@settings(max_examples=60, deadline=None)
@given(stacks(), stacks())
def test_planning_again_after_applying_gives_an_empty_plan(first, second):
    stored = applied(Wanted(first))
    assert make_plan(stored, Wanted(first, stored)).is_empty
    changed = applied(Wanted(second, stored))
    assert make_plan(changed, Wanted(second, changed)).is_empty


@settings(max_examples=60, deadline=None)
@given(stacks(), stacks())
def test_the_work_can_always_be_ordered(first, second):
    stored = applied(Wanted(first))
    plan = make_plan(stored, Wanted(second, stored))
    order = plan.work.order()
    done = set()
    for step in order:
        assert set(plan.work.requires(step)) <= done
        done.add(step)
