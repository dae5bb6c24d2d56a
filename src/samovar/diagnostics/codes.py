# SPDX-License-Identifier: Apache-2.0
"""Every code a finding can have, what it means and what to do about it. Codes never change their meaning.

`docs/reference/diagnostics.md` is made from this by `python -m samovar.diagnostics.reference`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One code: `title` in a few words, `explanation` and `remedy` in sentences, `example` (may be "
    "empty)."""

    code: str
    title: str
    explanation: str
    remedy: str
    example: str = ""


TEXT = (
    Code(
        "yaml-syntax",
        "The text is neither YAML nor JSON",
        "The reader stopped at the place shown, because the text there can't belong to a YAML or JSON "
        "document.",
        "Look at the line shown and the one above it: indentation (spaces, never tabs), a missing colon, "
        "an open "
        "quote or bracket.",
        "resources:\n  server:\n\ttype: OS::Nova::Server   # a tab",
    ),
    Code(
        "yaml-key",
        "A key is not a simple value",
        "Keys of maps are strings (or numbers); a map or list can't be a key, and the key `<<` takes a map.",
        "Write a plain name before the colon. `{{ name }}` of other template languages needs quotes.",
    ),
    Code(
        "yaml-alias",
        "An alias points to nothing or to itself",
        "`*name` repeats what `&name` marked further up in the same text.",
        "Mark the value with `&name` before its first use, outside of itself.",
    ),
    Code(
        "yaml-documents",
        "There is more than one document",
        "A template or environment is a single YAML document; a line `---` begins another.",
        "Remove the line and what follows it, or put it into a file of its own.",
    ),
    Code(
        "yaml-tag",
        "A YAML tag is not known",
        "Tags (`!Ref`, `!!binary`, `!!python/object`) are not part of the template language.",
        "Write functions as maps with one key: `{Ref: name}`, `{get_param: name}`.",
        "value: !Ref server   # write {Ref: server}",
    ),
    Code(
        "yaml-number",
        "A number can't be read",
        "The unquoted value looks like a number but has too many digits, or is infinite.",
        "Put it into quotes to make it text.",
    ),
    Code(
        "yaml-sexagesimal",
        "A value with colons became a number",
        "YAML 1.1 reads digits with colons, such as 22:22, as a number to the base 60.",
        "Put the value into quotes.",
        "ports: 22:22   # is the number 1342",
    ),
    Code(
        "yaml-word-key",
        "An unquoted key is a boolean or null",
        "YAML 1.1 reads yes, no, on, off, true, false and null without quotes as values, not as text; as "
        "a key "
        "they become the words true, false and null.",
        "Put the key into quotes.",
        "on: push   # is the key true",
    ),
    Code(
        "duplicate-key",
        "A key stands twice in one map",
        "Only the last value counts; the others are lost without a trace.",
        "Remove one of the two, or merge their values.",
    ),
    Code(
        "limit-exceeded",
        "Something is too large, too deep or too many",
        "Templates have bounds on their size, nesting, number of values and resources, so that no input "
        "can exhaust "
        "the service.",
        "Split the template into nested ones, or ask the operator to raise the limit the message names.",
    ),
    Code(
        "missing-file",
        "A file did not come with the template",
        "`get_file`, a type ending in `.yaml` or `.template`, and environment files are looked up among "
        "the files of "
        "the request.",
        "Check the name against the folder of the template. Clients add files only where the name is "
        "literal.",
    ),
)

TEMPLATE = (
    Code(
        "template-not-a-map",
        "The template is not a map",
        "A template is a map of sections; this text is a list or a single value.",
        "Begin with the version line, then the sections at the left margin.",
    ),
    Code(
        "template-version-missing",
        "The template version is missing",
        "Every template says in which version of which format it is written.",
        "Begin it with `heat_template_version: 2021-04-16`.",
    ),
    Code(
        "template-version",
        "The template version is not known",
        "The version is no known date or alias, or there are several version keys.",
        "Take one of the versions that the message lists.",
    ),
    Code(
        "unknown-section",
        "A section is not known",
        "Sections that don't exist in this version would have no effect, so they are mistakes.",
        "Correct the name, or choose a version that has the section.",
    ),
    Code(
        "section-not-a-map",
        "A section is not a map",
        "Parameters, resources, outputs and conditions are maps from names to definitions.",
        "Write each entry as `name:` with its definition below, indented.",
    ),
    Code(
        "unknown-key",
        "A resource has a key that does not exist",
        "A resource has only the keys the message lists; properties belong under `properties`.",
        "Correct the name or move it under `properties`.",
    ),
    Code(
        "invalid-name",
        "A name can't be used",
        "Names are strings; a resource's name contains no slash. Unquoted yes, no, on, off and numbers "
        "are not strings.",
        "Quote the name, or choose another.",
    ),
    Code(
        "duplicate-name",
        "A parameter and a resource share a name",
        "Names of parameters and resources must differ, since some functions accept both.",
        "Rename one of them.",
    ),
    Code(
        "invalid-resource",
        "A resource is not written correctly",
        "A resource is a map with a `type`; properties, metadata and update_policy are maps; depends_on "
        "holds names.",
        "Compare with the form in the message.",
    ),
    Code(
        "external-resource",
        "An external resource can't have dependencies",
        "A resource with `external_id` is not made by the stack, so `depends_on` has no meaning for it.",
        "Remove one of the two keys.",
    ),
    Code(
        "invalid-deletion-policy",
        "A deletion policy is not known or not supported",
        "Policies are Delete, Retain and Snapshot; Snapshot exists for volumes and servers only.",
        "Use one the type supports.",
    ),
    Code(
        "invalid-output",
        "An output is not written correctly",
        "An output is a map with a `value`.",
        "Write `name: {value: …}`.",
    ),
    Code(
        "parameter-groups",
        "A parameter group is not written correctly",
        "Groups are a list; each names existing parameters, and a parameter is in one group at most.",
        "Correct the list of names.",
    ),
    Code(
        "invalid-condition",
        "A condition is not written correctly",
        "A condition is true, false or a condition function; where one is used, also the name of one.",
        "Use equals, not, and, or (and from 2017-09-01 yaql and contains).",
    ),
    Code(
        "unknown-condition",
        "A condition does not exist",
        "`if`, `condition`, `and`, `or` and `not` take names from the section conditions.",
        "Define the condition, or correct the name.",
    ),
    Code(
        "circular-condition",
        "Conditions depend on each other in a circle",
        "A condition can't be computed when it needs itself.",
        "Break the circle that the message shows.",
    ),
    Code(
        "circular-dependency",
        "Resources depend on each other in a circle",
        "None of the resources in the circle could be made first. References (get_resource, get_attr, "
        "Ref) and "
        "depends_on count.",
        "Remove one of the references, or move what both need into a third resource.",
    ),
    Code(
        "unknown-resource",
        "A resource does not exist",
        "A function or depends_on names a resource that the template does not have.",
        "Correct the name; resources of nested templates are reached through their outputs only.",
    ),
    Code(
        "disabled-resource",
        "A resource is disabled by its condition",
        "With these parameters the resource does not exist, so nothing may refer to it.",
        "Put the reference into an `if` with the same condition.",
    ),
    Code(
        "unknown-attribute",
        "A resource has no such attribute",
        "get_attr asks for an attribute that the type (or the outputs of the nested template) does not have.",
        "Take one of the attributes that the message lists.",
    ),
    Code(
        "validation-failed",
        "The template is not valid",
        "The message says why.",
        "Correct it and try again.",
    ),
    Code(
        "invalid-template", "The template is not valid", "The message says why.", "Correct it and try again."
    ),
    Code(
        "not-supported",
        "This is not supported",
        "The request is well-formed but asks for something that can't be done.",
        "The message says what to do instead.",
    ),
)

FUNCTIONS = (
    Code(
        "function-arguments",
        "A function has arguments of the wrong shape",
        "Each function takes its arguments in one form: a list of so many items, or a map with certain keys.",
        "Compare with the form in the help line.",
        "list_join: ', '   # write list_join: [', ', [a, b]]",
    ),
    Code(
        "function-argument-type",
        "A function got a value of the wrong type",
        "The shape is right, but a value is, say, a number where a string is needed.",
        "Convert the value: quote literals, or use a parameter of the right type.",
    ),
    Code(
        "function-failed",
        "A function could not be computed",
        "The arguments are well-formed, but there is no result for these values.",
        "The message says which value is wrong.",
    ),
    Code(
        "function-in-condition",
        "A function can't be used in a condition",
        "Conditions are decided before any resource exists, so only few functions work in them.",
        "Use the condition functions that the help line lists.",
    ),
    Code(
        "removed-function",
        "A function does not exist in this version",
        "CFN functions were removed from HOT after its first version.",
        "Use the HOT function of the help line, or another template version.",
    ),
    Code(
        "yaql",
        "A yaql expression is wrong",
        "The expression can't be parsed.",
        "Correct it; the data are under `$.data`.",
    ),
)

PARAMETERS = (
    Code(
        "invalid-schema",
        "A parameter is not defined correctly",
        "A key, type, constraint or default in the definition of a parameter is wrong.",
        "Correct the definition at the place shown.",
    ),
    Code(
        "invalid-parameter-definition",
        "A parameter is not defined correctly",
        "The message says why.",
        "Correct the definition.",
    ),
    Code(
        "invalid-boolean",
        "A yes-or-no key has another value",
        "hidden, immutable and NoEcho are true or false; anything else counts as false.",
        "Write true or false.",
    ),
    Code(
        "invalid-parameter",
        "The value of a parameter is not valid",
        "The value does not have the parameter's type or breaks one of its constraints.",
        "Give another value. Values of hidden parameters are not shown.",
    ),
    Code(
        "parameter-missing",
        "A parameter is missing",
        "A parameter without a default needs a value, and get_param needs a parameter that exists.",
        "Give the value (`--parameter name=value` or in an environment), or declare the parameter.",
    ),
    Code(
        "unknown-constraint",
        "A custom constraint does not exist",
        "The constraint names a check that is not known, so no value can pass it.",
        "Correct the name, or remove the constraint.",
    ),
    Code(
        "unknown-parameter",
        "A value was given for a parameter that does not exist",
        "The template has no parameter of this name. Only parameter_defaults may name parameters that do "
        "not "
        "exist.",
        "Correct the name or remove the value.",
    ),
    Code(
        "immutable-parameter",
        "An immutable parameter would change",
        "The template forbids changing this parameter once the stack exists.",
        "Keep the old value, or create a new stack.",
    ),
)

ENVIRONMENTS = (
    Code(
        "invalid-environment",
        "The environment is not written correctly",
        "An environment has a few sections, each a map or list of a certain form.",
        "Correct the section at the place shown.",
    ),
    Code(
        "invalid-hook",
        "A hook is not known",
        "Hooks are pre-create, pre-update, pre-delete, post-create, post-update and post-delete.",
        "Take one of these.",
    ),
    Code(
        "invalid-restricted-action",
        "A restricted action is not known",
        "Actions that can be restricted are update and replace.",
        "Take one of these.",
    ),
    Code(
        "merge-strategy",
        "Values of a parameter can't be merged",
        "Files that set the same parameter name the same merge strategy (overwrite, merge or "
        "deep_merge), and the type "
        "must allow it: booleans can't be merged.",
        "Name one strategy for the parameter in every file that sets it.",
    ),
)

TYPES = (
    Code(
        "unknown-type", "There is no such resource type",
        "The type is neither built in nor mapped by an environment.",
        "Correct the name; `openstack orchestration resource type list` shows all.",
    ),
    Code(
        "unavailable-type", "A resource type can't be made here",
        "The cloud has not got the service that the type needs, or this version can only validate the "
        "type.",
        "Take it out of the template, or use a cloud that has the service.",
    ),
    Code(
        "unavailable-transport", "A transport can't be used here",
        "Signals or the configuration of a server would go through a service that this installation cannot "
        "use: the object store or messaging.",
        "Use CFN_SIGNAL or HEAT_SIGNAL for signals, POLL_SERVER_CFN or POLL_SERVER_HEAT for configuration.",
    ),
    Code(
        "deprecated-type", "A resource type is deprecated",
        "It still works and will be removed some day.", "Use the type that the help line names.",
    ),
    Code(
        "retired-type", "A resource type is retired",
        "Its service is gone from OpenStack: the resource is accepted, and nothing is made.",
        "Take it out of the template, or use the type that the help line names.",
    ),
    Code(
        "unsupported-type", "A resource type is not supported by its project",
        "It may work, but nobody maintains it.", "Prefer a supported type.",
    ),
    Code(
        "unknown-property", "A resource has no such property",
        "The type (or the parameters of a nested template) has no property of this name.",
        "Correct the name.",
    ),
    Code(
        "missing-property", "A required property is missing",
        "The type needs a value for this property.", "Add the property.",
    ),
    Code(
        "property-type", "A property has a value of the wrong type",
        "The value can't be converted to the property's type.", "Give a value of the type named.",
    ),
    Code(
        "property-constraint", "A property breaks a constraint",
        "The value has the right type but is not allowed.", "Give a value that the message allows.",
    ),
    Code(
        "property-conflict", "Two properties contradict each other",
        "An old and a new spelling of the same property are both given, or two that exclude each other.",
        "Keep one of them.",
    ),
    Code(
        "deprecated-property", "A property is deprecated",
        "It still works and will be removed some day.", "Use the property that the help line names.",
    ),
    Code(
        "missing-object", "An object of the cloud does not exist",
        "The value names an image, flavor, network or the like that the cloud does not have or you may "
        "not see.",
        "List what there is with the ordinary client, and correct the name.",
    ),
)  # fmt: skip

GROUPS: tuple[tuple[str, tuple[Code, ...]], ...] = (
    ("Text", TEXT),
    ("Templates", TEMPLATE),
    ("Functions", FUNCTIONS),
    ("Parameters", PARAMETERS),
    ("Environments", ENVIRONMENTS),
    ("Resource types", TYPES),
)

CODES: dict[str, Code] = {code.code: code for _, codes in GROUPS for code in codes}
