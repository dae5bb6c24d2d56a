# SPDX-License-Identifier: Apache-2.0
"""Writes docs/reference/resources/*.md and docs/reference/resource-types.json from the declarations.

python scripts/write_resource_reference.py
"""

from __future__ import annotations

import json
from pathlib import Path

from samovar.orchestration.resources.facts import all_facts
from samovar.orchestration.resources.reference_pages import pages

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"


def main() -> None:
    folder = REFERENCE / "resources"
    folder.mkdir(parents=True, exist_ok=True)
    texts = pages()
    for name, text in texts.items():
        (folder / name).write_text(text)
    for stale in folder.glob("*.md"):
        if stale.name not in texts:
            stale.unlink()
    (REFERENCE / "resource-types.json").write_text(json.dumps(all_facts(), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
