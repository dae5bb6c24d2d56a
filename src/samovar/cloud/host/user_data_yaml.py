# SPDX-License-Identifier: Apache-2.0
"""Pure: YAML from users, refused when it would grow beyond measure."""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["UserDataError", "load"]

MOST_NODES = 50_000
DEEPEST = 40
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UserDataError(ValueError):
    """Why a piece of user data cannot be used; completes "…: "."""


def load(content: bytes) -> Any:
    """Parse one document; raises UserDataError with place and reason."""
    try:
        text = content.decode()
        _measure(text)
        return yaml.load(text, Loader=Loader)
    except UnicodeDecodeError:
        raise UserDataError("it is not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UserDataError(f"its YAML is wrong{where}: {getattr(error, 'problem', None) or error}") from None
    except (ValueError, RecursionError, OverflowError) as error:
        raise (
            error if isinstance(error, UserDataError) else UserDataError(f"its YAML is wrong: {error}")
        ) from None


def _measure(text: str) -> None:
    """Count what the document means with every alias written out, before anything is built."""
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    total = 0
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.AliasEvent):
            total += sizes.get(str(event.anchor), MOST_NODES)
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, total))
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = total - before
        if total > MOST_NODES or len(open_nodes) > DEEPEST:
            raise UserDataError(f"it has more than {MOST_NODES} values or is nested more than {DEEPEST} deep")
