# SPDX-License-Identifier: Apache-2.0
"""The reference page of all codes, as Markdown: `python -m samovar.diagnostics.reference` prints it."""

from __future__ import annotations

from samovar.diagnostics.codes import GROUPS


def page() -> str:
    """The text of docs/reference/diagnostics.md."""
    rows = [
        "# Findings and their codes",
        "",
        "What `samovar validate`, `samovar plan` and the API say about templates. Each finding carries a "
        "code; codes never "
        "change their meaning. This page is made from `src/samovar/diagnostics/codes.py` by "
        "`python -m samovar.diagnostics.reference`.",
        "",
    ]
    for title, codes in GROUPS:
        rows += [
            f"- [{title}](#{title.lower().replace(' ', '-')}): "
            + ", ".join(f"[{code.code}](#{code.code})" for code in codes)
        ]
    for title, codes in GROUPS:
        rows += ["", f"## {title}"]
        for code in codes:
            rows += [
                "",
                f"### {code.code}",
                "",
                f"**{code.title}.** {code.explanation}",
                "",
                f"What to do: {code.remedy}",
            ]
            if code.example:
                rows += ["", "```yaml", *code.example.split("\n"), "```"]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(page(), end="")
