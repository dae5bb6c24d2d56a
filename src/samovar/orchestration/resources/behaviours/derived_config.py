# SPDX-License-Identifier: Apache-2.0
"""Pure: the derived config of a deployment, which is what the server runs, and what a signal means."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from samovar.orchestration.resources.behaviour import ResourceFailed

Values = Mapping[str, Any]
COMPONENT = "component"
PREDEFINED = ("deploy_stdout", "deploy_stderr", "deploy_status_code")
SHOWN_OF_STDERR = 1000


def actions_of(config: Values, values: Values) -> frozenset[str]:
    """The actions in which the deployment takes part."""
    if config.get("group") != COMPONENT:
        return frozenset(values.get("actions") or ())
    configs = (config.get("config") or {}).get("configs") or []
    return frozenset(action for each in configs for action in each.get("actions") or ())


def derived_inputs(
    config: Values, given: Values, deploy: Sequence[tuple[str, Any, str]]
) -> list[dict[str, Any]]:
    """The declared inputs with their values, values that nobody declared, and those about the deployment.

    deploy: (name, value, description).
    """
    inputs = [
        {**each, "value": given.get(each["name"], each.get("default"))} for each in config.get("inputs") or []
    ]
    declared = {each["name"] for each in inputs}
    inputs += [
        {"name": name, "type": "Json" if isinstance(value, dict | list) else "String", "value": value}
        for name, value in given.items()
        if name not in declared
    ]
    return inputs + [
        {"name": name, "type": "String", "value": value, "description": description}
        for name, value, description in deploy
    ]


def filled(config: Any, inputs: Sequence[Values], key: str, *, strict: bool) -> Any:
    """The map of a structured config with the inputs in their places. Raises ResourceFailed when strict."""
    values = {each["name"]: each.get("value") for each in inputs}

    def fill(item: Any) -> Any:
        if isinstance(item, Mapping):
            if len(item) == 1 and key in item and isinstance(item[key], str):
                if strict and item[key] not in values:
                    raise ResourceFailed(
                        f'The configuration asks for the input "{item[key]}", which has no value.',
                        kind="UserParameterMissing",
                    )
                return values.get(item[key])
            return {name: fill(value) for name, value in item.items()}
        if isinstance(item, list):
            return [fill(each) for each in item]
        return item

    return fill(config)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a signal says of a deployment. `failure` is "" when all went well."""

    outputs: dict[str, Any]
    failure: str = ""

    @property
    def status(self) -> str:
        return "FAILED" if self.failure else "COMPLETE"

    @property
    def reason(self) -> str:
        return self.failure or "Outputs received"


def outcome(details: Any, outputs: Sequence[Values]) -> Outcome:
    """Read the body of a signal, given the declared outputs."""
    said = details if isinstance(details, Mapping) else {}
    values: dict[str, Any] = {}
    problems = []
    for each in outputs:
        name = each["name"]
        if name in said:
            values[name] = said[name]
            if each.get("error_output"):
                problems.append(f"{name} : {_text(said[name])}")
    for name in PREDEFINED:
        if name in said:
            values[name] = said[name]
    code = said.get("deploy_status_code")
    if code is not None and str(code) != "0":
        problems.append(f"deploy_status_code : Deployment exited with non-zero status code: {code}")
        told = _text(said.get("deploy_stderr") or "").strip()
        if told:
            problems.append(f"deploy_stderr : {told[-SHOWN_OF_STDERR:]}")
    failure = f"Deployment to server failed: {', '.join(problems)}" if problems else ""
    return Outcome(values, failure)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
