# SPDX-License-Identifier: Apache-2.0
"""Compares the declared resource types with a JSON file of facts, and prints every difference.

    python scripts/compare_resource_types.py FACTS.json

FACTS.json has the shape of docs/reference/resource-types.json. Lists of handlers are compared without order,
a support status that is left out means SUPPORTED. Exits with 1 when anything differs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from samovar.orchestration.resources.facts import all_facts

_SETS = {"handlers", "handles", "kind", "custom_constraints", "no_signal_actions"}
_MISSING = object()


def normal(value: Any, key: str = "") -> Any:
    """The value without what has no meaning: order of sets, blanks in versions, a status of SUPPORTED."""
    if isinstance(value, dict):
        kept = {name: normal(each, name) for name, each in value.items()}
        if key in ("support", "previous"):
            kept.setdefault("status", "SUPPORTED")
        return kept
    if isinstance(value, list):
        return sorted(value) if key in _SETS else [normal(each) for each in value]
    return value.strip() if key == "version" else value


def differences(ours: Any, theirs: Any, path: str) -> Iterator[str]:
    """One line for each place where the two differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted(ours.keys() | theirs.keys()):
            here = f"{path}.{name}" if path else name
            yield from differences(ours.get(name, _MISSING), theirs.get(name, _MISSING), here)
    elif ours is _MISSING:
        yield f"{path}: missing here, there {json.dumps(theirs)[:200]}"
    elif theirs is _MISSING:
        yield f"{path}: only here: {json.dumps(ours)[:200]}"
    elif ours != theirs or type(ours) is not type(theirs):
        yield f"{path}: here {json.dumps(ours)[:200]}, there {json.dumps(theirs)[:200]}"


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    theirs = json.loads(Path(sys.argv[1]).read_text())
    theirs.pop("_meta", None)
    found = list(differences(normal(all_facts()), normal(theirs), ""))
    for line in found:
        print(line)
    print(f"{len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
