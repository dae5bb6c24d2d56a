# SPDX-License-Identifier: Apache-2.0
"""The list of types that are refused, in the documents, is that of the program."""

from __future__ import annotations

import re
from pathlib import Path

from samovar.orchestration.api.resource_types import can_be_made
from samovar.orchestration.resources.registry import every_type

PAGE = Path(__file__).parents[3] / "docs" / "conformance.md"


def test_the_documents_list_just_the_types_that_cannot_be_made() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Types that are refused")[2].partition("\n## ")[0]
    listed = set(re.findall(r"\b(?:OS|AWS)::\w+(?:::\w+)+", section))
    assert listed == {declared.name for declared in every_type() if not can_be_made(declared)}
