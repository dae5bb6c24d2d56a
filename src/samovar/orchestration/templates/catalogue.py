# SPDX-License-Identifier: Apache-2.0
"""What the language has, for people and programs that ask: versions and functions."""

from __future__ import annotations

from samovar.orchestration.templates.versions import ALL_VERSIONS, Version


def version_named(name: str) -> Version | None:
    """The version of a name such as `heat_template_version.2018-08-31` or `heat_template_version.rocky`."""
    for version in ALL_VERSIONS:
        if name in (version.name, f"{version.key}.{version.alias}"):
            return version
    return None


def version_catalogue() -> list[dict[str, object]]:
    """Every version: `version`, `type` (hot or cfn) and `aliases`."""
    return [
        {
            "version": version.name,
            "type": version.kind,
            "aliases": [f"{version.key}.{version.alias}"] if version.alias else [],
        }
        for version in sorted(ALL_VERSIONS, key=lambda version: version.name)
    ]


def function_catalogue(version: Version, *, conditions: bool = False) -> list[dict[str, str]]:
    """Every function of a version: `functions` (the name) and `description`; on request also those of
    conditions."""
    names = set(version.functions) | (set(version.condition_functions) if conditions else set())
    return [{"functions": name, "description": DESCRIPTIONS[name]} for name in sorted(names)]


DESCRIPTIONS = {
    "and": "True when all conditions are. and: [condition, condition, ...], at least two.",
    "contains": "Whether a list or string contains a value. contains: [value, list].",
    "digest": "The digest of a string as a hexadecimal number. digest: [algorithm, string].",
    "equals": "Whether two values are equal. equals: [value, value].",
    "filter": "A list without certain values. filter: [values to leave out, list].",
    "get_attr": "An attribute of a resource. get_attr: [resource, attribute, path step, ...].",
    "get_file": "A function for including a file inline.",
    "get_param": "The value of a parameter. get_param: name, or get_param: [name, path step, ...].",
    "get_resource": "The reference id of a resource. get_resource: name.",
    "if": "One of two values, as a condition says. if: [condition, then, else].",
    "list_concat": "Several lists as one. list_concat: [list, list, ...].",
    "list_concat_unique": "Several lists as one, each value once. list_concat_unique: [list, list, ...].",
    "list_join": "The strings of a list joined by a delimiter. list_join: [delimiter, list].",
    "make_url": "A URL from scheme, username, password, host, port, path, query and fragment.",
    "map_merge": "Several maps as one, later ones win. map_merge: [map, map, ...].",
    "map_replace": "A map with keys and values replaced. map_replace: [map, {keys: {}, values: {}}].",
    "not": "The opposite of a condition. not: condition.",
    "or": "True when one of the conditions is. or: [condition, condition, ...], at least two.",
    "repeat": "A template repeated for each item of lists. repeat: {for_each: {name: list}, template: any}.",
    "resource_facade": "A field of the resource that this nested template implements: metadata, "
    "deletion_policy or update_policy.",
    "str_replace": "A text with names replaced by values. str_replace: {template: text, params: {}}.",
    "str_replace_strict": "As str_replace; a name that the text does not contain is an error.",
    "str_replace_vstrict": "As str_replace_strict; an empty value is an error too.",
    "str_split": "A string split at a delimiter, or one item of it. str_split: [delimiter, string, index].",
    "yaql": "The value of a yaql expression over data. yaql: {expression: text, data: any}.",
    "Fn::And": "True when all conditions are. Fn::And: [condition, condition, ...], at least two.",
    "Fn::Base64": "The string itself; it is encoded where an API needs it. Fn::Base64: string.",
    "Fn::Equals": "Whether two values are equal. Fn::Equals: [value, value].",
    "Fn::FindInMap": "A value of the section Mappings. Fn::FindInMap: [map, key, key].",
    "Fn::GetAZs": "The names of the availability zones.",
    "Fn::GetAtt": "An attribute of a resource. Fn::GetAtt: [resource, attribute].",
    "Fn::If": "One of two values, as a condition says. Fn::If: [condition, then, else].",
    "Fn::Join": "The strings of a list joined by a delimiter. Fn::Join: [delimiter, list].",
    "Fn::MemberListToMap": "A map from a list of members in the notation of query parameters.",
    "Fn::Not": "The opposite of a condition. Fn::Not: [condition].",
    "Fn::Or": "True when one of the conditions is. Fn::Or: [condition, condition, ...], at least two.",
    "Fn::Replace": "A text with names replaced by values. Fn::Replace: [{name: value}, text].",
    "Fn::ResourceFacade": "A field of the resource that this nested template implements: Metadata, "
    "DeletionPolicy or UpdatePolicy.",
    "Fn::Select": "One item of a list or map. Fn::Select: [index, list].",
    "Fn::Split": "A string split at a delimiter. Fn::Split: [delimiter, string].",
    "Ref": "The reference id of a resource, or the value of a parameter. Ref: name.",
}
