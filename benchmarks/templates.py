# SPDX-License-Identifier: Apache-2.0
"""Reading, checking and planning templates of 100 to 10,000 resources, with Heat's own library beside.

    python -m benchmarks.templates [--heat-python /path/to/python]

`--heat-python` names a Python in whose environment `pip install openstack-heat` was run. Each line is a
process of its own. To check means for us every reference, type and property; for Heat to build resource
definitions. Only we plan: the plan of a new stack, as `samovar plan` shows it. The goal is 3 s and 300 MB
for 10,000 resources.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = (100, 1000, 10_000)
HEAT = """
import json, logging, resource, sys, time, warnings
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
from oslo_config import cfg
from heat.common import config, identifier, template_format
from heat.engine import environment, stk_defn, template
cfg.CONF([], project="heat", default_config_files=[])
cfg.CONF.set_override("max_template_size", 10**9)
text = open(sys.argv[1]).read()
started = time.process_time()
data = template_format.parse(text)
read = time.process_time()
made = template.Template(data, env=environment.Environment({}))
made.validate()
identity = identifier.HeatIdentifier("project", "stack", "id")
definition = stk_defn.StackDefinition(type("C", (), {"tenant_id": "p"})(), made, identity, {})
definition._parameters = made.parameters(identity, {})
made.resource_definitions(definition)
checked = time.process_time()
print(json.dumps([read - started, checked - read, 0,
    resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def text_of(resources: int) -> str:
    rows = ["heat_template_version: 2018-08-31", "parameters: {p: {type: string, default: x}}", "resources:"]
    for number in range(resources):
        rows += [
            f"  r{number}:", "    type: OS::Heat::RandomString", "    properties:", "      length: 10",
            "      salt: {list_join: ['-', [{get_param: p}, "
            + (f"{{get_attr: [r{number - 1}, value]}}]]}}" if number else "first]]}"),
        ]  # fmt: skip
    return "\n".join(rows) + "\n"


def ours(file: Path) -> list[float]:
    """[seconds to read, seconds to check everything, seconds to plan, peak memory in MB]"""
    from samovar.cli.main import COLLECT_EVERY
    from samovar.orchestration.engine.definitions import Definition
    from samovar.orchestration.engine.desired import create_plan
    from samovar.orchestration.engine.planned import Bounds, PlannedStack, planned_texts
    from samovar.orchestration.plans import plan_text
    from samovar.orchestration.resources.known_types import KnownTypes
    from samovar.orchestration.templates import (
        Environment,
        Limits,
        StackIdentity,
        Surroundings,
        parse,
        validate,
    )

    gc.set_threshold(COLLECT_EVERY)  # as our commands do
    text = file.read_text(encoding="utf-8")
    started = time.process_time()
    template, found = parse(text, file.name, Limits(characters=10**9))
    read = time.process_time()
    assert template is not None
    found.extend(validate(template, None, Surroundings(types=KnownTypes())))
    checked = time.process_time()
    assert not found
    identity, bounds = StackIdentity("stack"), Bounds()
    texts = planned_texts(template, Environment(), identity, bounds.sandbox)
    plan = create_plan(PlannedStack(identity, Definition(text), texts, bounds))
    assert plan_text(plan).endswith(" to create.\n")
    planned = time.process_time()
    return [
        read - started,
        checked - read,
        planned - checked,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    ]


def measured(command: list[str]) -> list[float]:
    answer: list[float] = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
    )
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heat-python", metavar="PYTHON", help="a Python with openstack-heat")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(ours(options.one)))
        return
    print(f"{'resources':>9}  {'who':8} {'read s':>8} {'check s':>8} {'plan s':>8} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            file = Path(folder) / "template.yaml"
            file.write_text(text_of(size), encoding="utf-8")
            runs = {"samovar": [sys.executable, "-m", "benchmarks.templates", "--one", str(file)]}
            if options.heat_python:
                runs["heat"] = [options.heat_python, "-c", HEAT, str(file)]
            for who, command in runs.items():
                read, checked, planned, memory = measured(command)
                plan = f"{planned:8.2f}" if planned else f"{'–':>8}"
                print(f"{size:>9}  {who:8} {read:8.2f} {checked:8.2f} {plan} {memory:8.0f}", flush=True)


if __name__ == "__main__":
    main()
