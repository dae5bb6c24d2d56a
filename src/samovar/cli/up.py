# SPDX-License-Identifier: Apache-2.0
"""samovar up: the cloud runs, and the template is real.

read template, environments, files ─▶ check ─▶ start the cloud ─▶ clouds.yaml
               └▶ plan ─▶ create or update the stack, just as planned ─▶ progress ─▶ outputs
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from typing import Any

from samovar.clients import segment

from . import clouds_file, daemon
from .findings import Checked
from .main import CommandError
from .session import PROJECT, USER, Orchestration, Refused, cloud_entry, passwords
from .state_directory import Running, StateDirectory
from .template_files import Package, read_package


def run(options: argparse.Namespace) -> int:
    began = time.monotonic()
    package = None
    if options.template:
        package = read_package(
            options.template, options.environment, options.parameter, private_urls=options.private_urls
        )
        checked = Checked(package)
        checked.tell()
        if checked.findings.errors:
            return 1
    name = stack_name(options) if package else ""
    state = StateDirectory(options.state_dir)
    running, started = daemon.ensure(state, options)
    write_clouds(state, running)
    if not options.json:
        seconds = f" after {time.monotonic() - began:.1f} s" if started else ""
        print(f"The cloud runs at {running.origin}{seconds}. For its clients: export OS_CLOUD=samovar")
    if package is None:
        if options.json:
            print(json.dumps({"origin": running.origin, "started": started}))
        return 0
    try:
        return asyncio.run(_apply(options, state, running, package, name))
    except KeyboardInterrupt:
        print(f"\nDetached. The stack goes on; see it with: samovar watch {name}", file=sys.stderr)
        return 130


def stack_name(options: argparse.Namespace) -> str:
    """The name given, else one made of the file's name. Raises CommandError."""
    name = options.name or re.sub(r"[^a-zA-Z0-9_.-]", "-", options.template.stem)
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_.-]{0,254}", name):
        raise CommandError(
            f"{name!r} cannot name a stack: a letter, then letters, digits, '_', '.' and '-'; use --name"
        )
    return str(name)


def write_clouds(state: StateDirectory, running: Running) -> None:
    """Put the entries `samovar` and `samovar-admin` into clouds.yaml."""
    known = passwords(state)
    path = clouds_file.default_path()
    clouds_file.put(
        path,
        {
            "samovar": cloud_entry(running.origin, USER, PROJECT, known[USER]),
            "samovar-admin": cloud_entry(running.origin, "admin", "admin", known["admin"]),
        },
    )


async def _apply(
    options: argparse.Namespace, state: StateDirectory, running: Running, package: Package, name: str
) -> int:
    from .plan import ask_plan
    from .progress import follow
    from .why import ask_why, shown

    async with Orchestration(state, running) as api:
        planned = await ask_plan(api, package, name, drift=options.drift)
        if not options.json:
            print(planned["text"].rstrip("\n").rpartition("\n")[2])
        existing = await api.stack(name)
        body = package.request(
            disable_rollback=not options.rollback,
            timeout_mins=options.timeout,
            plan_hash=options.plan or planned["hash"],
            converge=True if options.drift and existing else None,
        )
        identity = f"{segment(name)}/{existing['id']}" if existing else ""
        after = None
        try:
            if existing is None:
                body["stack_name"] = name
                created = await api.ask("POST", "/stacks", json=body, package=package)
                identity = f"{segment(name)}/{created['stack']['id']}"
            else:
                newest = await api.ask("GET", f"/stacks/{identity}/events", query={"limit": 1})
                after = newest["events"][0]["id"] if newest["events"] else None
                await api.ask("PUT", f"/stacks/{identity}", json=body, package=package)
        except Refused as error:
            if error.kind != "PlanChanged":
                raise
            raise CommandError(f"nothing was done. {error}") from error
        if options.detach:
            _print_detached(options, name)
            return 0
        await follow(api, identity, name, after=after, quiet=options.json)
        stack = (await api.ask("GET", f"/stacks/{identity}"))["stack"]
        document = None
        if stack["stack_status"].endswith("_FAILED") and not options.json:
            document = await ask_why(api, stack, identity, None)
    failed = not stack["stack_status"].endswith("_COMPLETE") or stack["stack_status"].startswith("ROLLBACK")
    if options.json:
        outputs = {output["output_key"]: output.get("output_value") for output in stack.get("outputs", ())}
        print(
            json.dumps(
                {
                    "stack": {"name": name, "id": stack["id"]},
                    "status": stack["stack_status"],
                    "reason": stack["stack_status_reason"],
                    "plan": {"hash": planned["hash"], "summary": planned["plan"]["summary"]},
                    "outputs": outputs,
                }
            )
        )
    else:
        _print_result(stack, failed)
        if document is not None:
            print(f"\n{shown(document, sys.stderr)}", end="", file=sys.stderr)
    return 1 if failed else 0


def _print_detached(options: argparse.Namespace, name: str) -> None:
    if options.json:
        print(json.dumps({"stack": {"name": name}, "status": "IN_PROGRESS"}))
    else:
        print(f"The stack {name} is being made; see it with: samovar watch {name}")


def _print_result(stack: dict[str, Any], failed: bool) -> None:
    if failed:
        print(
            f"{stack['stack_name']}: {stack['stack_status']}\n  {stack['stack_status_reason']}",
            file=sys.stderr,
        )
        return
    outputs = sorted(stack.get("outputs", ()), key=lambda output: str(output["output_key"]))
    width = max((len(output["output_key"]) for output in outputs), default=0)
    for output in outputs:
        if output.get("output_error"):
            print(f"  {output['output_key']:<{width}}  (not available: {output['output_error']})")
            continue
        value = output.get("output_value")
        text = value if isinstance(value, str) else json.dumps(value)
        print(f"  {output['output_key']:<{width}}  {text}")
    if not outputs:
        print(f"  {stack['stack_name']} is {stack['stack_status']}; the template has no outputs.")
