# SPDX-License-Identifier: Apache-2.0
"""Every mistake is refused with a sentence that names the place and the remedy, and nothing is half made."""

from __future__ import annotations

import time

import pytest

pytestmark = pytest.mark.kernel

HEAD = "heat_template_version: 2018-08-31\n"
MISTAKES = {
    "wrong-property": (
        HEAD + "resources:\n  n:\n    type: OS::Neutron::Net\n    properties: {nmae: x}\n",
        "nmae",
        "name",
    ),
    "missing-image": (
        HEAD
        + "resources:\n  s:\n    type: OS::Nova::Server\n    properties: {image: nowhere, flavor: m1.tiny}\n",
        "nowhere",
        "image",
    ),
    "bad-cidr": (
        HEAD + "resources:\n  n: {type: OS::Neutron::Net}\n  s:\n    type: OS::Neutron::Subnet\n"
        "    properties: {network: {get_resource: n}, cidr: 10.0.0.0/99}\n",
        "10.0.0.0/99",
        "cidr",
    ),
    "not-yaml": ("heat_template_version: [", "", ""),
    "cycle": (
        HEAD + "resources:\n  a: {type: 'OS::Heat::Value', properties: {value: {get_attr: [b, value]}}}\n"
        "  b: {type: 'OS::Heat::Value', properties: {value: {get_attr: [a, value]}}}\n",
        "a",
        "b",
    ),
    "unknown-type": (
        HEAD + "resources:\n  a: {type: 'OS::Nova::Servr'}\n",
        "OS::Nova::Servr",
        "OS::Nova::Server",
    ),
    "no-parameter": (HEAD + "parameters:\n  p: {type: string}\nresources: {}\n", "p", ""),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_and_nothing_is_made(cloud, tmp_path, name):
    text, *words = MISTAKES[name]
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    said = cloud.up(str(file), "--name", name, status=1)
    for word in words:
        assert word in said
    assert "Traceback" not in said
    assert "500" not in said
    assert name not in cloud.openstack("stack", "list")


def test_an_unknown_parameter_is_named(cloud, tmp_path):
    file = tmp_path / "good.yaml"
    file.write_text(HEAD + "parameters:\n  colour: {type: string, default: red}\nresources: {}\n")
    said = cloud.up(str(file), "-P", "color=blue", status=1)
    assert "color" in said


@pytest.mark.parametrize(
    "bomb",
    [
        "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(f"{c}: &{c} [{', '.join(['*' + p] * 8)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)),
        "heat_template_version: " + "[" * 30_000,
        "{" * 30_000,
    ],
)  # fmt: skip
def test_a_bomb_is_refused_at_once(cloud, tmp_path, bomb):
    file = tmp_path / "bomb.yaml"
    file.write_text(bomb)
    began = time.monotonic()
    said = cloud.samovar("validate", str(file), status=1)
    assert time.monotonic() - began < 5  # the interpreter's start included
    assert "Traceback" not in said
