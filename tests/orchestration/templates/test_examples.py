# SPDX-License-Identifier: Apache-2.0
"""Whole templates, as people write them, are read, validated and resolved without a finding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from samovar.diagnostics import to_text
from samovar.orchestration.engine.sandbox import ProcessSandbox
from samovar.orchestration.resources.known_types import KnownTypes
from samovar.orchestration.templates import (
    StackIdentity,
    StackScope,
    Surroundings,
    build_parameters,
    parse,
    parse_environment,
    resolve,
    validate,
)

HERE = Path(__file__).parents[2] / "templates"
FILES = {
    path.name: path.read_text(encoding="utf-8") for path in sorted(HERE.iterdir()) if path.suffix != ".md"
}
TEMPLATES = [name for name in FILES if name not in ("environment.yaml", "member.yaml")]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ProcessSandbox]:
    with ProcessSandbox() as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_finding(name: str, sandbox: ProcessSandbox) -> None:
    template, found = parse(FILES[name], name)
    assert template is not None
    found.extend(validate(template, None, Surroundings(types=KnownTypes(), files=FILES, sandbox=sandbox)))
    assert not found, to_text(found, FILES)


@pytest.mark.parametrize("name", TEMPLATES)
def test_everything_resolves(name: str, sandbox: ProcessSandbox) -> None:
    template, _ = parse(FILES[name], name)
    assert template is not None
    parameters, _ = build_parameters(template, {}, {}, StackIdentity("s", "i", "p"), sandbox)
    scope = StackScope(template, parameters, files=FILES, sandbox=sandbox)
    assert scope.requirements().keys() == scope.enabled.keys()
    for definition in scope.enabled.values():
        for node in definition.nodes():
            resolve(node, scope)
    for output in template.outputs.values():
        if scope.is_enabled(output):
            resolve(output.value, scope)


def test_an_environment_changes_what_exists(sandbox: ProcessSandbox) -> None:
    template, _ = parse(FILES["web_tier.yaml"])
    environment, found = parse_environment(FILES["environment.yaml"], "environment.yaml")
    assert template is not None and environment is not None and not found
    types = KnownTypes()
    assert not validate(template, environment, Surroundings(types=types, files=FILES, sandbox=sandbox)).errors
    parameters, _ = build_parameters(
        template, environment.parameters, environment.parameter_defaults, StackIdentity("s"), sandbox
    )
    scope = StackScope(template, parameters, sandbox=sandbox)
    assert {"volume", "attachment"} <= scope.enabled.keys()
    assert parameters.value("flavor") == "m1.tiny"
    found_type = environment.registry.find("OS::Cinder::VolumeAttachment", "attachment", types.is_known)
    assert found_type is not None and found_type.name == "OS::Heat::None"


def test_the_first_example_in_values(sandbox: ProcessSandbox) -> None:
    template, _ = parse(FILES["web_tier.yaml"])
    assert template is not None
    parameters, _ = build_parameters(template, {}, {}, StackIdentity("demo"), sandbox)
    scope = StackScope(template, parameters, sandbox=sandbox)
    server = resolve(template.resources["server"].properties, scope)
    assert server["name"] == "demo-web"
    assert "key_name" not in server
    assert 'echo "hello"' in server["user_data"]
    assert '{"greeting": "hello", "log": {"level": "info"}}' in server["user_data"]
    rules = resolve(template.resources["rules"].properties, scope)["rules"]
    assert [rule["port_range_min"] for rule in rules] == ["80", "443"]
    assert scope.requirements()["port"] == {"network", "rules", "router_interface"}
