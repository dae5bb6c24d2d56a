# SPDX-License-Identifier: Apache-2.0
"""Identity: who may enter, as what, and where everything is (Keystone v3)."""

from .bootstrap import CatalogEntry, FirstCloud, make_passwords, project_of, read_passwords
from .service import Service
from .validator import Validator

__all__ = [
    "CatalogEntry",
    "FirstCloud",
    "Service",
    "Validator",
    "make_passwords",
    "project_of",
    "read_passwords",
]
