# SPDX-License-Identifier: Apache-2.0
"""Findings about what the user wrote: values, codes, places, printers. Pure."""

from samovar.diagnostics.codes import CODES, Code
from samovar.diagnostics.diagnostic import Diagnostic, Diagnostics, Severity
from samovar.diagnostics.place import Place
from samovar.diagnostics.printer import printable, to_json, to_text
from samovar.diagnostics.suggest import closest, did_you_mean

__all__ = [
    "CODES",
    "Code",
    "Diagnostic",
    "Diagnostics",
    "Place",
    "Severity",
    "closest",
    "did_you_mean",
    "printable",
    "to_json",
    "to_text",
]
