# SPDX-License-Identifier: Apache-2.0
"""Findings about a package, told before a cloud is asked and when it refuses: the same excerpts for both."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from samovar.diagnostics import Diagnostic, Diagnostics, Place, Severity, to_text
from samovar.orchestration.resources.known_types import KnownTypes
from samovar.orchestration.templates import (
    Environment,
    Sandbox,
    Surroundings,
    Template,
    merge_environment_files,
    parse,
    validate,
)

from .template_files import COMMAND_LINE, Package

SENT_AS = "template"  # what the API calls the first template


class LateSandbox:
    """Expressions in a process of their own, started when the first one has to be tried."""

    def __init__(self) -> None:
        self._sandbox: Any = None

    def _started(self) -> Any:
        if self._sandbox is None:
            from samovar.orchestration.engine.sandbox import Budget, ProcessSandbox

            self._sandbox = Budget(ProcessSandbox())
        return self._sandbox

    def evaluate_yaql(self, expression: str, data: Any) -> Any:
        return self._started().evaluate_yaql(expression, data)

    def check_yaql(self, expression: str) -> None:
        self._started().check_yaql(expression)

    def match(self, pattern: str, text: str) -> bool:
        return bool(self._started().match(pattern, text))


class Checked:
    """A package as read and checked offline."""

    def __init__(self, package: Package, *, values_needed: bool = True) -> None:
        self.package = package
        self.sandbox: Sandbox = LateSandbox()
        self.template: Template | None
        self.environment: Environment | None
        self.files = {name: text for name, text in package.files.items() if name != COMMAND_LINE}
        found = Diagnostics()
        self.template, problems = parse(package.template, str(package.path))
        found.extend(problems)
        self.environment, problems = merge_environment_files(
            {}, package.environment_files, package.files, self.template
        )
        found.extend(problems)
        if self.template is not None and self.environment is not None:
            around = Surroundings(
                types=KnownTypes(), files=self.files, sandbox=self.sandbox, values_needed=values_needed
            )
            found.extend(validate(self.template, self.environment, around))
        self.findings = Diagnostics([package.as_written(each) for each in found])

    def tell(self, stream: Any = None) -> None:
        """Print the findings with their lines; nothing when there are none."""
        tell(self.package, self.findings, stream)


def tell(package: Package, findings: Diagnostics, stream: Any = None) -> None:
    """Print findings with the lines of the package's files that they speak of."""
    stream = stream or sys.stderr
    if findings:
        print(to_text(findings, package.sources, colour=stream.isatty()), end="", file=stream)


def refusal(package: Package, error: object) -> Diagnostics | None:
    """The findings in the body of a refusal of the API; None when it has none."""
    given = error.get("diagnostics") if isinstance(error, dict) else None
    if not isinstance(given, list) or not given:
        return None
    found = Diagnostics()
    for each in given:
        place = each.get("place") or {}
        where = Place(place["file"], place["line"], place["column"], place["length"]) if place else None
        if where is not None and where.file == SENT_AS:
            where = replace(where, file=str(package.path))
        found.add(
            package.as_written(
                Diagnostic(
                    Severity(each["severity"]),
                    each["code"],
                    each["message"],
                    each["advice"],
                    where,
                    each["path"],
                )
            )
        )
    return found
