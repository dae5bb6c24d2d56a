# SPDX-License-Identifier: Apache-2.0
"""Pure: what in a migration would hurt a program of an earlier revision that still runs.

Two versions run side by side while a cluster is upgraded, so a migration may only *expand*: new
tables, new columns that may be left out, new indexes. What it takes away, renames or tightens, it
*contracts*; that is for a later release, when nobody uses it any more, and such a migration says so:

    CONTRACTS = "0007"    # programs older than revision 0007 cannot use the database after this
"""

from __future__ import annotations

import ast

TAKES_AWAY = {
    "drop_table": "drops a table",
    "drop_column": "drops a column",
    "rename_table": "renames a table",
    "drop_constraint": "drops a constraint that a program may rely on",
}
TIGHTENS = {
    "create_unique_constraint": "makes values unique that were not",
    "create_check_constraint": "checks values that were not checked",
    "create_foreign_key": "ties rows that were not tied",
    "create_primary_key": "makes another primary key",
}


def contracts(source: str) -> str:
    """The oldest revision whose programs can go on after this migration; empty: any."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "CONTRACTS" for target in node.targets
        ):
            return str(ast.literal_eval(node.value))
    return ""


def contractions(source: str) -> list[str]:
    """What `upgrade` in this migration does that is no expansion, in sentences with their lines."""
    tree = ast.parse(source)
    upgrade = next(
        (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"), None
    )
    if upgrade is None:
        return []
    made = _made_here(upgrade)
    return [
        f"line {call.lineno}: {told}"
        for call, table in _calls(upgrade)
        if table not in made and (told := _hurts(call))
    ]


def _made_here(upgrade: ast.FunctionDef) -> set[str]:
    """Tables that the migration creates: nobody used them before."""
    return {
        _text(call.args[0]) for call, _ in _calls(upgrade) if _name(call) == "create_table" and call.args
    } - {""}


def _calls(upgrade: ast.FunctionDef) -> list[tuple[ast.Call, str]]:
    """Each call on `op` or a batch of it, with the table that it is about."""
    found = []
    batches: dict[str, str] = {}
    for node in ast.walk(upgrade):
        if isinstance(node, ast.With):
            batches |= _batched(node)
    for node in ast.walk(upgrade):
        if isinstance(node, ast.Call) and _owner(node):
            table = batches.get(str(id(node)), "")
            if not table and node.args:
                place = 1 if _name(node) in ("create_index", "drop_constraint", *TIGHTENS) else 0
                table = _text(node.args[place]) if len(node.args) > place else ""
            found.append((node, table))
    return found


def _batched(block: ast.With) -> dict[str, str]:
    """Calls on the batches that this block opens, each with its batch's table."""
    found = {}
    for item in block.items:
        opened, name = item.context_expr, item.optional_vars
        if (
            isinstance(opened, ast.Call)
            and _name(opened) == "batch_alter_table"
            and isinstance(name, ast.Name)
        ):
            for inner in ast.walk(block):
                if isinstance(inner, ast.Call) and _owner(inner) == name.id:
                    found[str(id(inner))] = _text(opened.args[0])
    return found


def _hurts(call: ast.Call) -> str:
    name = _name(call)
    options = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in TAKES_AWAY:
        return TAKES_AWAY[name]
    if name in TIGHTENS:
        return TIGHTENS[name]
    if name == "execute":
        return "runs a statement of its own, which nobody can judge"
    if name == "create_index" and _true(options.get("unique")):
        return "makes values unique that were not"
    if name == "add_column":
        return _column(call)
    if name == "alter_column":
        if "new_column_name" in options:
            return "renames a column"
        if _false(options.get("nullable")):
            return "forbids NULL in a column where a program may write it"
        if "type_" in options:
            return "changes the type of a column"
        if "server_default" in options and _none(options["server_default"]):
            return "takes a default away that a program may rely on"
    return ""


def _column(call: ast.Call) -> str:
    column = next((arg for arg in call.args if isinstance(arg, ast.Call)), None)
    if column is None:
        return "adds a column that cannot be judged"
    options = {keyword.arg: keyword.value for keyword in column.keywords}
    if _false(options.get("nullable")) and "server_default" not in options:
        return "adds a column that must be given, which an earlier program does not do (no server_default)"
    if _true(options.get("unique")):
        return "adds a column with unique values"
    return ""


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _owner(call: ast.Call) -> str:
    """``op`` or the name of a batch, for a call on one of them."""
    if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        owner = call.func.value.id
        return owner if owner == "op" or owner.endswith("_op") else ""
    return ""


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
