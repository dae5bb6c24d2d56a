# SPDX-License-Identifier: Apache-2.0
"""samovar validate: every mistake of a template, its environments and its nested templates, at once."""

from __future__ import annotations

import argparse
import sys

from samovar.diagnostics import Diagnostics, to_json, to_text
from samovar.orchestration.resources.known_types import KnownTypes
from samovar.orchestration.templates import Surroundings, merge_environment_files, parse, validate

from .template_files import COMMAND_LINE, Package, read_package


def run(options: argparse.Namespace) -> int:
    package = read_package(options.template, options.environment, options.parameter)
    findings = check(package)
    if options.json:
        print(to_json(findings))
    elif findings:
        sources = {str(package.path): package.template, **package.files}
        print(to_text(findings, sources, colour=sys.stdout.isatty()), end="")
    else:
        print(f"{package.path} is valid.")
    return 1 if findings.errors else 0


def check(package: Package) -> Diagnostics:
    """Every finding about a package, without asking a cloud."""
    template, findings = parse(package.template, str(package.path))
    environment, problems = merge_environment_files({}, package.environment_files, package.files, template)
    findings.extend(problems)
    if template is not None and environment is not None:
        files = {name: text for name, text in package.files.items() if name != COMMAND_LINE}
        around = Surroundings(types=KnownTypes(), files=files, values_needed=False)
        findings.extend(validate(template, environment, around))
    return findings
