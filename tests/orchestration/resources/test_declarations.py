# SPDX-License-Identifier: Apache-2.0
"""The declarations are complete in themselves, and what is generated from them is current."""

import json
from pathlib import Path

import pytest

from samovar.orchestration.resources.facts import all_facts
from samovar.orchestration.resources.lookups import CUSTOM_CONSTRAINTS
from samovar.orchestration.resources.reference_pages import pages
from samovar.orchestration.resources.registry import (
    canonical_name,
    closest_type,
    every_type,
    families,
    find_type,
    type_names,
)
from samovar.orchestration.resources.schema import Property
from samovar.orchestration.resources.translations import Appended, Moved

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def walk(properties, path=""):
    for name, declared in properties.items():
        here = f"{path}.{name}"
        yield here, declared
        yield from walk(declared.fields or {}, here)
        if declared.items is not None:
            yield f"{here}.*", declared.items
            yield from walk(declared.items.fields or {}, f"{here}.*")


def test_every_type_is_found_under_the_name_the_index_has():
    listed = {each.name for types in families().values() for each in types}
    assert len(listed) == 203
    assert {each.name for each in every_type()} == listed
    assert all(find_type(name) is not None for name in listed)


def test_every_custom_constraint_is_known():
    used = {
        constraint["custom_constraint"]
        for each in every_type()
        for _, declared in walk(each.properties)
        for constraint in (c.facts() for c in declared.constraints)
        if "custom_constraint" in constraint
    }
    assert used <= CUSTOM_CONSTRAINTS


def test_every_property_and_attribute_has_a_description():
    for each in every_type():
        assert each.description.endswith("."), each.name
        for path, declared in walk(each.properties | each.update_policy):
            assert isinstance(declared, Property)
            if not path.endswith("*"):
                assert declared.description.endswith("."), f"{each.name}{path}"
        for name, attribute in each.attributes.items():
            assert attribute.description.endswith("."), f"{each.name} {name}"


def test_translations_name_properties_that_exist():
    for each in every_type():
        known = {path.replace(".*", "").lstrip(".") for path, _ in walk(each.properties)}
        for rule in (rule for rule in each.translation if isinstance(rule, Moved | Appended)):
            assert ".".join(rule.path) in known, f"{each.name}: {rule}"


def test_what_is_advised_instead_exists_and_is_not_retired():
    for each in every_type():
        if each.instead:
            assert not find_type(each.instead).noop, each.name


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("OS::Quantum::Net", "OS::Neutron::Net"),
        ("OS::Metering::Alarm", "OS::Aodh::Alarm"),
        ("OS::Nova::Server", "OS::Nova::Server"),
    ],
)
def test_older_names_mean_the_type(alias, name):
    assert canonical_name(alias) == name
    assert find_type(alias).name == name


def test_an_unknown_type_is_guessed():
    assert find_type("OS::Nova::Serber") is None
    assert closest_type("OS::Nova::Serber") == "OS::Nova::Server"


def test_listing_hides_retired_types():
    assert "OS::Senlin::Cluster" not in type_names("OS::*")
    assert "OS::Senlin::Cluster" in type_names("OS::*", hidden=True)
    assert type_names("OS::Nova::K*") == ["OS::Nova::KeyPair"]


def test_the_machine_readable_reference_is_current():
    assert json.loads((REFERENCE / "resource-types.json").read_text()) == json.loads(json.dumps(all_facts()))


def test_the_reference_pages_are_current():
    written = {path.name: path.read_text() for path in (REFERENCE / "resources").glob("*.md")}
    assert written == pages(), "run scripts/write_resource_reference.py"
