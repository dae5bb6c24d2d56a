# SPDX-License-Identifier: Apache-2.0
"""Every template version: its names, sections, keys, and which functions it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from samovar.orchestration.templates.functions import lists, maps, repetition
from samovar.orchestration.templates.functions import logic as b
from samovar.orchestration.templates.functions import references as r
from samovar.orchestration.templates.functions import strings as s
from samovar.orchestration.templates.functions.expressions import Yaql
from samovar.orchestration.templates.functions.urls import MakeUrl
from samovar.orchestration.templates.nodes import Function

Functions = Mapping[str, type[Function]]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one format."""

    key: str  # the template's version key, such as heat_template_version
    date: str
    alias: str
    functions: Functions
    removed: frozenset[str]  # names that are errors
    condition_functions: Functions
    has_conditions: bool = False
    has_external_id: bool = False
    has_tags: bool = False
    has_modulo: bool = False
    lower_policies: bool = False  # deletion_policy also in lower case

    @property
    def kind(self) -> str:
        return "hot" if self.key == HOT_KEY else "cfn"

    @property
    def name(self) -> str:
        """As `GET /template_versions` lists it."""
        return f"{self.key}.{self.date}"


HOT_KEY = "heat_template_version"
HEAT_CFN_KEY = "HeatTemplateFormatVersion"
AWS_CFN_KEY = "AWSTemplateFormatVersion"
VERSION_KEYS = (HOT_KEY, HEAT_CFN_KEY, AWS_CFN_KEY)

HOT_DATES = {
    "2013-05-23": "", "2014-10-16": "", "2015-04-30": "", "2015-10-15": "", "2016-04-08": "",
    "2016-10-14": "newton", "2017-02-24": "ocata", "2017-09-01": "pike", "2018-03-02": "queens",
    "2018-08-31": "rocky", "2021-04-16": "wallaby",
}  # fmt: skip

_FIRST, _LAST = "2013-05-23", "9999"
# (name, first version, first version without it, class)
_HOT: tuple[tuple[str, str, str, type[Function]], ...] = (
    ("get_param", _FIRST, _LAST, r.GetParam),
    ("get_resource", _FIRST, _LAST, r.GetResource),
    ("get_attr", _FIRST, "2014-10-16", r.GetAttrThenSelect),
    ("get_attr", "2014-10-16", "2015-10-15", r.GetAttr),
    ("get_attr", "2015-10-15", _LAST, r.GetAttrOrAll),
    ("get_file", _FIRST, _LAST, r.GetFile),
    ("resource_facade", _FIRST, _LAST, r.ResourceFacade),
    ("list_join", _FIRST, "2015-10-15", s.ListJoin),
    ("list_join", "2015-10-15", _LAST, s.ListJoinMultiple),
    ("str_replace", _FIRST, "2015-10-15", s.StrReplace),
    ("str_replace", "2015-10-15", _LAST, s.StrReplaceJson),
    ("str_replace_strict", "2017-02-24", _LAST, s.StrReplaceStrict),
    ("str_replace_vstrict", "2017-09-01", _LAST, s.StrReplaceVeryStrict),
    ("str_split", "2015-10-15", _LAST, s.StrSplit),
    ("digest", "2015-04-30", _LAST, s.Digest),
    ("repeat", "2015-04-30", "2016-10-14", repetition.Repeat),
    ("repeat", "2016-10-14", "2017-09-01", repetition.RepeatOverMaps),
    ("repeat", "2017-09-01", _LAST, repetition.RepeatPermutable),
    ("map_merge", "2016-04-08", _LAST, maps.MapMerge),
    ("map_replace", "2016-10-14", _LAST, maps.MapReplace),
    ("yaql", "2016-10-14", _LAST, Yaql),
    ("if", "2016-10-14", "2021-04-16", b.If),
    ("if", "2021-04-16", _LAST, b.IfOptional),
    ("filter", "2017-02-24", _LAST, lists.Filter),
    ("contains", "2017-09-01", _LAST, lists.Contains),
    ("list_concat", "2017-09-01", _LAST, lists.ListConcat),
    ("list_concat_unique", "2017-09-01", _LAST, lists.ListConcatUnique),
    ("make_url", "2017-09-01", _LAST, MakeUrl),
)

_CFN: dict[str, type[Function]] = {
    "Ref": r.Ref,
    "Fn::Base64": s.FnBase64,
    "Fn::GetAZs": r.GetAZs,
    "Fn::Join": s.ListJoin,
    "Fn::MemberListToMap": maps.MemberListToMap,
    "Fn::Replace": s.FnReplace,
    "Fn::ResourceFacade": r.FnResourceFacade,
    "Fn::Select": lists.Select,
    "Fn::Split": s.FnSplit,
}
_CFN_ONLY: dict[str, type[Function]] = {"Fn::GetAtt": r.FnGetAtt, "Fn::FindInMap": r.FindInMap}
_AWS_CONDITIONS: dict[str, type[Function]] = {
    "Fn::And": b.And, "Fn::Or": b.Or, "Fn::Not": b.FnNot, "Fn::Equals": b.Equals,
    "Fn::FindInMap": r.FindInMap, "Ref": r.ParamRef,
}  # fmt: skip
_HOT_CONDITIONS: dict[str, type[Function]] = {
    "and": b.And, "or": b.Or, "not": b.Not, "equals": b.Equals, "get_param": r.GetParam,
}  # fmt: skip


def _hot(date: str) -> Version:
    functions = {name: kind for name, first, gone, kind in _HOT if first <= date < gone}
    removed: set[str] = set()
    for name, kind in _CFN.items():
        gone = "2015-10-15" if name == "Fn::Select" else "2014-10-16"
        if date < gone:
            functions[name] = kind
        else:
            removed.add(name)
    conditions = dict(_HOT_CONDITIONS) if date >= "2016-10-14" else {}
    if date >= "2017-09-01":
        conditions |= {"yaql": Yaql, "contains": lists.Contains}
    return Version(
        HOT_KEY, date, HOT_DATES[date], functions, frozenset(removed), conditions,
        has_conditions=date >= "2016-10-14", has_external_id=date >= "2016-10-14",
        has_tags=date >= "2018-03-02", has_modulo=date >= "2017-02-24", lower_policies=date >= "2016-10-14",
    )  # fmt: skip


HOT_VERSIONS: dict[str, Version] = {date: _hot(date) for date in HOT_DATES}
HEAT_CFN = Version(HEAT_CFN_KEY, "2012-12-12", "", {**_CFN, **_CFN_ONLY}, frozenset(), {})
AWS_CFN = Version(
    AWS_CFN_KEY, "2010-09-09", "", {**_CFN, **_CFN_ONLY, "Fn::If": b.If}, frozenset(), _AWS_CONDITIONS,
    has_conditions=True,
)  # fmt: skip

# Version key → value (date or alias) → version.
VERSIONS: dict[str, dict[str, Version]] = {
    HOT_KEY: HOT_VERSIONS | {version.alias: version for version in HOT_VERSIONS.values() if version.alias},
    HEAT_CFN_KEY: {HEAT_CFN.date: HEAT_CFN},
    AWS_CFN_KEY: {AWS_CFN.date: AWS_CFN},
}
ALL_VERSIONS: tuple[Version, ...] = (*HOT_VERSIONS.values(), HEAT_CFN, AWS_CFN)


def versions_with(function: str, key: str = HOT_KEY) -> list[Version]:
    """The versions of a format in which the function may be used."""
    return [version for version in ALL_VERSIONS if version.key == key and function in version.functions]
