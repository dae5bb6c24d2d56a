# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ast
from pathlib import Path

from samovar.diagnostics import CODES
from samovar.diagnostics.reference import page

ROOT = Path(__file__).parents[2]


def test_the_reference_page_is_current() -> None:
    written = (ROOT / "docs/reference/diagnostics.md").read_text(encoding="utf-8")
    assert written == page(), (
        "run: PYTHONPATH=src python -m samovar.diagnostics.reference > docs/reference/diagnostics.md"
    )


def test_every_code_is_explained() -> None:
    for code in CODES.values():
        assert code.title and code.explanation.endswith(".") and code.remedy


def test_every_code_the_program_uses_is_registered() -> None:
    used: dict[str, str] = {}
    for room in ("orchestration", "cli"):
        for file in (ROOT / "src/samovar" / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    for code in _codes(node):
                        used[code] = file.name
    assert {code: file for code, file in used.items() if code not in CODES} == {}


def _codes(call: ast.Call) -> list[str]:
    """The code in calls such as found.error("code", "Sentence") and Diagnostic(Severity.ERROR, "code", ...)."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    texts = [item.value if isinstance(item, ast.Constant) else None for item in call.args]
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    if name == "Diagnostic" and len(texts) > 2 and isinstance(texts[1], str):
        return [texts[1]]
    findings = isinstance(owner, (ast.Name, ast.Attribute)) and (
        getattr(owner, "id", "") in ("found", "diagnostics")
        or getattr(owner, "attr", "") in ("found", "diagnostics")
    )
    if name in ("error", "warning") and findings and texts and isinstance(texts[0], str):
        return [texts[0]]
    return []
