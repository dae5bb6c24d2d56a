# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from samovar.orchestration.templates import ALL_VERSIONS
from samovar.orchestration.templates.catalogue import function_catalogue, version_catalogue, version_named


def test_versions() -> None:
    listed = version_catalogue()
    assert len(listed) == 13
    assert {
        "version": "heat_template_version.2018-08-31", "type": "hot",
        "aliases": ["heat_template_version.rocky"],
    } in listed  # fmt: skip
    assert {"version": "AWSTemplateFormatVersion.2010-09-09", "type": "cfn", "aliases": []} in listed


def test_functions_of_every_version_are_described() -> None:
    for version in ALL_VERSIONS:
        listed = function_catalogue(version, conditions=True)
        assert all(each["description"].endswith(".") for each in listed)
        assert {each["functions"] for each in listed} == {*version.functions, *version.condition_functions}


def test_asking_with_condition_functions_changes_nothing() -> None:
    version = version_named("heat_template_version.rocky")
    assert version is not None
    before = function_catalogue(version)
    assert {"equals", "not"} <= {each["functions"] for each in function_catalogue(version, conditions=True)}
    assert function_catalogue(version) == before
    assert "equals" not in {each["functions"] for each in before}
    assert version_named("heat_template_version.nothing") is None
