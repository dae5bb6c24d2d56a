# SPDX-License-Identifier: Apache-2.0
"""samovar plan: what `up` would change, and why, without changing anything.

A running cloud is asked, since it knows what is there. Without one the plan is that of a new stack, made
here. The exit status is 0 when there is nothing to do, 2 when there is, and 1 when there can be no plan.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

from samovar.orchestration.plans import Plan, paint_ansi, plan_document, plan_drawing, plan_text
from samovar.orchestration.templates import StackIdentity, TemplateError

from .findings import Checked, tell
from .main import CommandError
from .session import Orchestration
from .state_directory import Running, StateDirectory
from .template_files import Package, read_package
from .up import stack_name

NOTHING_TO_DO, FAILED, CHANGES = 0, 1, 2
DRAWINGS = ("mermaid", "dot", "svg")


def run(options: argparse.Namespace) -> int:
    package = read_package(
        options.template, options.environment, options.parameter, private_urls=options.private_urls
    )
    name = stack_name(options)
    checked = Checked(package)
    checked.tell()
    if checked.findings.errors:
        return FAILED
    form = "json" if options.json else options.format
    state = StateDirectory(options.state_dir)
    running = state.running() if state.exists() else None
    if running is not None:
        answer = asyncio.run(_asked(options, state, running, package, name, form))
    else:
        if options.drift:
            raise CommandError("drift can only be seen in a running cloud; start it with 'samovar up'")
        print("No cloud runs here, so this is the plan of a new stack.", file=sys.stderr)
        answer = _answer(_offline(checked, name), form, sys.stdout.isatty(), options.unchanged)
    for note in answer["notes"]:
        print(f"note: {note}", file=sys.stderr)
    shown = json.dumps(answer["plan"], indent=2, ensure_ascii=False) if form == "json" else answer[form]
    print(shown.rstrip("\n"))
    return NOTHING_TO_DO if answer["plan"]["empty"] else CHANGES


async def _asked(
    options: argparse.Namespace,
    state: StateDirectory,
    running: Running,
    package: Package,
    name: str,
    form: str,
) -> dict[str, Any]:
    wanted = {"drift": options.drift, "unchanged": options.unchanged, "colour": sys.stdout.isatty()}
    async with Orchestration(state, running) as api:
        return await ask_plan(api, package, name, form=form, **wanted)


async def ask_plan(
    api: Orchestration, package: Package, name: str, *, form: str = "text", **wanted: bool
) -> dict[str, Any]:
    """The plan of the running cloud: `plan`, `hash`, `notes` and the rendering under its format's name.

    Raises CommandError; Refused, when the template is what is wrong.
    """
    drawn = form if form in DRAWINGS else "text"
    body = package.request(stack_name=name, format=drawn, **wanted)
    found: dict[str, Any] = await api.ask("POST", "/plans", json=body, package=package)
    return found


def _offline(checked: Checked, name: str) -> Plan:
    """The plan of a new stack, without asking a cloud."""
    from samovar.orchestration.engine.definitions import Definition
    from samovar.orchestration.engine.desired import create_plan
    from samovar.orchestration.engine.planned import Bounds, PlannedStack, planned_texts

    assert checked.template is not None and checked.environment is not None
    identity = StackIdentity(name, None, "")
    bounds = Bounds(sandbox=checked.sandbox)
    try:
        texts = planned_texts(checked.template, checked.environment, identity, bounds.sandbox)
        definition = Definition(checked.package.template, checked.environment.as_dict(), checked.files)
        plan = create_plan(PlannedStack(identity, definition, texts, bounds))
    except TemplateError as error:
        tell(checked.package, error.diagnostics)
        raise CommandError("there is no plan for this template") from error
    return plan.hiding(texts.parameters.hidden_texts())


def _answer(plan: Plan, form: str, colour: bool, unchanged: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {"plan": plan_document(plan), "notes": []}
    if form in DRAWINGS:
        answer[form] = plan_drawing(plan, form)
    elif form == "text":
        paint = {"paint": paint_ansi} if colour else {}
        answer[form] = plan_text(plan, **paint, unchanged=unchanged)
    return answer
