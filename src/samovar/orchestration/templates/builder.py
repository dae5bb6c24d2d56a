# SPDX-License-Identifier: Apache-2.0
"""libyaml's events into plain data with positions, within limits.

The tree is built without recursion, so that depth, aliases and size are checked before they cost anything.
"""

from __future__ import annotations

from typing import Any

import yaml

from samovar.diagnostics import Diagnostics, Place
from samovar.orchestration.templates import scalars
from samovar.orchestration.templates.limits import Limits
from samovar.orchestration.templates.places import Mark

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = {"null", "bool", "int", "float"}


class Refused(Exception):
    def __init__(self, code: str, message: str, mark: Any = None, advice: str = "") -> None:
        self.code, self.message, self.mark, self.advice = code, message, mark, advice


class _Frame:
    """A container that is being filled."""

    __slots__ = (
        "anchor",
        "characters",
        "data",
        "has_key",
        "key",
        "key_mark",
        "marks",
        "merges",
        "nodes",
        "start",
    )

    def __init__(self, data: Any, marks: Any, anchor: str | None, start: Any, nodes: int, characters: int):
        self.data, self.marks, self.anchor, self.start = data, marks, anchor, start
        self.nodes, self.characters = nodes, characters
        self.key: Any = None
        self.has_key = False
        self.key_mark: tuple[int, int, int] = (0, 0, 1)
        self.merges: list[Any] = []


class Builder:
    """Builds the data of one text from libyaml's events; `marks` are the positions of what it built."""

    def __init__(self, file: str, diagnostics: Diagnostics, limits: Limits, is_json: bool) -> None:
        self.file, self.diagnostics, self.limits, self.is_json = file, diagnostics, limits, is_json
        self.marks: dict[int, Any] = {}
        self.anchors: dict[str, tuple[Any, int, int]] = {}
        self.scalars: dict[str, Any] = {}
        self.nodes = self.characters = 0

    def build(self, text: str) -> tuple[Any, dict[int, Any]]:
        loader = _Loader(text)
        try:
            return self._build(loader), self.marks
        finally:
            loader.dispose()

    def _build(self, loader: Any) -> Any:
        get_event = loader.get_event
        scalar_event, alias_event = yaml.ScalarEvent, yaml.AliasEvent
        mapping_start, sequence_start = yaml.MappingStartEvent, yaml.SequenceStartEvent
        mapping_end, sequence_end = yaml.MappingEndEvent, yaml.SequenceEndEvent
        limits, add = self.limits, self._add
        stack: list[_Frame] = []
        root: Any = None
        documents = 0
        while True:
            event = get_event()
            kind = type(event)
            if kind is scalar_event:
                self.nodes += 1
                self.characters += len(event.value)
                value = self._scalar(event)
                if event.anchor is not None:
                    self.anchors[event.anchor] = (value, 1, len(event.value))
            elif kind is mapping_start or kind is sequence_start:
                self._check_tag(event, "map" if kind is mapping_start else "seq")
                if len(stack) >= limits.depth:
                    raise Refused(
                        "limit-exceeded",
                        f"It is nested more than {limits.depth} levels deep",
                        event.start_mark,
                    )
                if stack and type(stack[-1].data) is dict and not stack[-1].has_key:
                    raise Refused(
                        "yaml-key", "A key is a simple value, not a map or a list", event.start_mark
                    )
                frame = _Frame(
                    {} if kind is mapping_start else [],
                    {} if kind is mapping_start else [],
                    event.anchor,
                    event.start_mark,
                    self.nodes,
                    self.characters,
                )
                self.nodes += 1
                if event.anchor is not None:
                    self.anchors.pop(event.anchor, None)
                stack.append(frame)
                continue
            elif kind is mapping_end or kind is sequence_end:
                frame = stack.pop()
                if frame.merges:
                    self._merge(frame)
                value = frame.data
                self.marks[id(value)] = frame.marks
                if frame.anchor is not None:
                    self.anchors[frame.anchor] = (
                        value, self.nodes - frame.nodes, self.characters - frame.characters
                    )  # fmt: skip
                if stack:
                    start = frame.start
                    add(stack[-1], value, start.line, start.column, 1, event)
                else:
                    root = value
                self._check_size(event)
                continue
            elif kind is alias_event:
                if event.anchor not in self.anchors:
                    opened = any(frame.anchor == event.anchor for frame in stack)
                    raise Refused(
                        "yaml-alias",
                        f"The alias *{event.anchor} "
                        + ("contains itself" if opened else "is defined nowhere above"),
                        event.start_mark,
                    )
                value, nodes, characters = self.anchors[event.anchor]
                self.nodes += nodes
                self.characters += characters
            elif kind is yaml.StreamEndEvent:
                return root
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise Refused(
                        "yaml-documents",
                        "There is a second document in it",
                        event.start_mark,
                        "Remove the line --- and what follows it",
                    )
                continue
            else:
                continue
            self._check_size(event)
            if stack:
                start, end = event.start_mark, event.end_mark
                length = end.column - start.column if start.line == end.line else 1
                add(stack[-1], value, start.line, start.column, length, event)
            else:
                root = value

    def _check_size(self, event: Any) -> None:
        if self.nodes > self.limits.nodes or self.characters > self.limits.expanded_characters:
            raise Refused(
                "limit-exceeded", "It has too many values once its aliases are followed", event.start_mark
            )

    def _add(self, frame: _Frame, value: Any, line: int, column: int, length: int, event: Any) -> None:
        if type(frame.data) is list:
            frame.data.append(value)
            frame.marks.append((line, column, length, line, column, length))
            return
        if not frame.has_key:
            if isinstance(value, (dict, list)):
                raise Refused("yaml-key", "A key is a simple value, not a map or a list", event.start_mark)
            if value is None or value is True or value is False:
                value = self._worded_key(value, line, column, length, event)
            frame.key, frame.has_key, frame.key_mark = value, True, (line, column, length)
            if value == "<<" and self._is_merge(event):
                frame.key = _MERGE
            return
        key, frame.has_key = frame.key, False
        if key is _MERGE:
            frame.merges.append((value, frame.key_mark))
            return
        if key in frame.data:
            first = frame.marks[key]
            self.diagnostics.warning(
                "duplicate-key",
                f'The key "{key}" stands twice in this map; only the last one counts',
                advice=f"The first one is in line {first[0] + 1}",
                place=Place(self.file, frame.key_mark[0] + 1, frame.key_mark[1] + 1, frame.key_mark[2]),
            )
        frame.data[key] = value
        frame.marks[key] = (*frame.key_mark, line, column, length)

    def _worded_key(self, value: bool | None, line: int, column: int, length: int, event: Any) -> str:
        """JSON, in which templates are kept, has strings as keys only."""
        word = {True: "true", False: "false", None: "null"}[value]
        written = getattr(event, "value", "")
        self.diagnostics.warning(
            "yaml-word-key",
            f'The key {written or "without a name"} without quotes means {word}; it is kept as "{word}"',
            advice=f'Write "{written}" with quotes to use it as a name' if written else "Name the key",
            place=Place(self.file, line + 1, column + 1, length),
        )
        return word

    def _is_merge(self, event: Any) -> bool:
        return not self.is_json and type(event) is yaml.ScalarEvent and bool(event.implicit[0])

    def _merge(self, frame: _Frame) -> None:
        merged: dict[Any, Any] = {}
        marks: dict[Any, Mark] = {}
        for value, (line, column, _) in frame.merges:
            for source in reversed(value if isinstance(value, list) else [value]):
                if not isinstance(source, dict):
                    raise Refused(
                        "yaml-key",
                        "The key << takes a map or a list of maps",
                        _At(line, column),
                        "Quote the key to use it as a name",
                    )
                merged.update(source)
                marks.update(self.marks.get(id(source), {}))
                self.nodes += len(source)
        own, own_marks = dict(frame.data), dict(frame.marks)
        frame.data.clear()
        frame.marks.clear()
        frame.data.update({**merged, **own})
        frame.marks.update({**marks, **own_marks})

    def _scalar(self, event: Any) -> Any:
        text, tag = event.value, event.tag
        if tag is None or tag == "!":
            if not event.implicit[0] or tag == "!":
                return text
            if text in self.scalars:
                return self.scalars[text]
            try:
                convert = scalars.json_plain if self.is_json else scalars.plain
                value = convert(text, self.limits.digits)
            except scalars.ScalarError as error:
                raise Refused("yaml-number", str(error), event.start_mark, "Quote it to make it text")
            if not self.is_json and type(value) in (int, float) and ":" in text:
                self._warn_sexagesimal(event, value)
            else:
                self.scalars[text] = value
            return value
        name = tag.removeprefix(_TAG)
        if name in ("str", "timestamp"):
            return text
        if name in _SCALAR_TAGS:
            try:
                return scalars.typed(name, text, self.limits.digits)
            except scalars.ScalarError as error:
                raise Refused("yaml-number", str(error), event.start_mark)
        raise self._unknown_tag(event)

    def _warn_sexagesimal(self, event: Any, value: Any) -> None:
        mark = event.start_mark
        self.diagnostics.warning(
            "yaml-sexagesimal", f"{event.value} without quotes is the number {value} (to the base 60)",
            advice=f'Write "{event.value}" with quotes to keep it as text',
            place=Place(self.file, mark.line + 1, mark.column + 1, len(event.value)),
        )  # fmt: skip

    def _check_tag(self, event: Any, own: str) -> None:
        if event.tag not in (None, "!", _TAG + own):
            raise self._unknown_tag(event)

    def _unknown_tag(self, event: Any) -> Refused:
        tag = str(event.tag)
        short = tag.removeprefix(_TAG)
        name = f"!!{short}" if short != tag else tag
        advice = ""
        if tag.startswith("!"):
            function = tag[1:] if tag in ("!Ref", "!Condition") else f"Fn::{tag[1:]}"
            advice = f'Short forms of functions do not exist here: write "{function}" as the key of a map'
        return Refused("yaml-tag", f"The tag {name[:60]} is not known", event.start_mark, advice)

    def report(self, error: Exception, noun: str, source: str) -> None:
        """Turn what stopped the reading into a finding."""
        if isinstance(error, Refused):
            mark = error.mark
            place = Place(self.file, mark.line + 1, mark.column + 1) if mark else Place(self.file, 1, 1)
            self.diagnostics.error(error.code, error.message, advice=error.advice, place=place)
            return
        place, text, advice = Place(self.file, 1, 1), str(error), ""
        if isinstance(error, yaml.MarkedYAMLError):
            text = " ".join(part for part in (error.context, error.problem) if part)
            rows = source.splitlines()
            mark, context = error.problem_mark or error.context_mark, error.context_mark
            if mark is not None and context is not None and mark.line >= len(rows):
                mark = context  # what began there has no end
            if mark is not None:
                place = Place(self.file, mark.line + 1, mark.column + 1)
                if mark.line < len(rows) and rows[mark.line][mark.column : mark.column + 1] == "\t":
                    advice = "Indent with spaces, not with tabs"
                elif context is not None and context.line != mark.line:
                    advice = f"It belongs to what starts in line {context.line + 1}"
        elif isinstance(error, yaml.reader.ReaderError):
            text = "a character that YAML does not allow"
            if isinstance(error.character, int):
                text += f" (U+{error.character:04X})"
        else:
            text = "text that is not valid Unicode"
        self.diagnostics.error(
            "yaml-syntax", f"The {noun} is neither YAML nor JSON: {text}", advice=advice, place=place
        )


class _At:
    def __init__(self, line: int, column: int) -> None:
        self.line, self.column = line, column


_MERGE: Any = object()
