# SPDX-License-Identifier: Apache-2.0
"""samovar validate: every mistake of a template, its environments and its nested templates, at once."""

from __future__ import annotations

import argparse
import sys

from samovar.diagnostics import to_json

from .findings import Checked
from .template_files import read_package


def run(options: argparse.Namespace) -> int:
    package = read_package(
        options.template, options.environment, options.parameter, private_urls=options.private_urls
    )
    checked = Checked(package, values_needed=False)
    if options.json:
        print(to_json(checked.findings))
    elif checked.findings:
        checked.tell(sys.stdout)
    else:
        print(f"{package.path} is valid.")
    return 1 if checked.findings.errors else 0
