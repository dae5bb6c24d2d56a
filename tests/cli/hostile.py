# SPDX-License-Identifier: Apache-2.0
"""Templates that mean harm: to time, to memory, to terminals."""

from __future__ import annotations

HEAD = "heat_template_version: 2018-08-31\n"
VALUE = "type: OS::Heat::Value, properties"


def _chain(inside: str) -> str:
    return "".join(
        f"{c}: &{c} [{', '.join(['*' + p] * 8)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
    )


TEMPLATES: dict[str, str] = {
    "brackets": HEAD + "resources: " + "[" * 260_000 + "]" * 260_000,
    "open-brackets": "[" * 524_000,
    "braces": "{" * 524_000,
    "alias-bomb": HEAD + "a: &a [x, x, x, x, x, x, x, x]\n" + _chain("x"),
    "alias-of-itself": HEAD + f"resources: {{a: &a {{{VALUE}: {{value: *a}}}}}}\n",
    "merges": HEAD + "resources:\n  a: &a {" + ",".join(f"k{i}: 1" for i in range(5000)) + "}\n"
    + "".join(f"  m{i}: {{<<: *a}}\n" for i in range(5000)),
    "repeat": HEAD + "parameters: {n: {type: comma_delimited_list, default: '" + ",".join("0123456789" * 10) + "'}}\n"
    + f"resources: {{v: {{{VALUE}: {{value: {{repeat: {{for_each: {{a: {{get_param: n}}, b: {{get_param: n}}, "
    + "c: {get_param: n}}, template: abc}}}}}\n",
    "patterns": HEAD + "parameters:\n" + "".join(
        f"  p{i}: {{type: string, default: {'a' * 40}b{i}, constraints: [{{allowed_pattern: '(a+)+c{i}$'}}]}}\n"
        for i in range(10)
    ) + "resources: {}\n",
    "broken-pattern": HEAD + "parameters: {p: {type: string, default: x, constraints: [{allowed_pattern: '((('}]}}\n",
    "yaql-without-end": HEAD + "resources:\n" + "".join(
        f"  v{i}: {{{VALUE}: {{value: {{yaql: {{expression: 'let(i => {i}) -> generate(0, true, $ + 1).len()', "
        "data: {}}}}}\n" for i in range(10)
    ),
    "yaql-that-loops": HEAD + "resources:\n" + "".join(
        f"  v{i}: {{{VALUE}: {{value: {{yaql: {{expression: '\"{'a' * 40}{i}b\" =~ \"(a+)+c\"', "
        "data: {}}}}}\n" for i in range(10)
    ),
    "long-strings": HEAD + f"resources: {{v: {{{VALUE}: {{value: "
    + "{str_replace: {template: xxxxxxxxxxxxxxxx, params: {x: " * 8 + "x" * 16 + "}}}" * 8 + "}}}\n",
    "same-key": HEAD + "resources:\n" + f"  a: {{{VALUE}: {{value: 1}}}}\n" * 8000,
    "long-number": HEAD + f"resources: {{v: {{{VALUE}: {{value: " + "9" * 300_000 + "}}}\n",
    "no-number": HEAD + f"resources: {{v: {{{VALUE}: {{value: .inf}}}}}}\n",
    "tag": HEAD + "resources: !!python/object/apply:os.system ['id']\n",
    "odd-characters": HEAD + "resources:\n  \"\\u202e\\x1b[31ma\\u0301\\U0001f600\": {type: \"OS::Heat::V\\u0430lue\"}\n",
    "half-character": HEAD + f"resources: {{v: {{{VALUE}: {{value: \"\\ud83d\"}}}}}}\n",
    "nul": HEAD + f"resources: {{\"a\\0b\": {{{VALUE}: {{value: {{get_file: \"a\\0b\"}}}}}}}}\n",
    "many-mistakes": HEAD + "resources:\n" + "".join(f"  r{i}: {{type: OS::Nova::Servr{i}}}\n" for i in range(12000)),
    "many-circles": HEAD + "resources:\n" + "".join(
        f"  r{i}: {{{VALUE}: {{value: [{{get_resource: r{(i + 1) % 4000}}}, {{get_resource: r{i * 7 % 4000}}}]}}}}\n"
        for i in range(4000)
    ),
    "conditions": HEAD + "conditions:\n" + "".join(f"  c{i}: {{and: [c{i + 1}, c{i + 1}]}}\n" for i in range(3000))
    + "  c3000: true\nresources: {a: {type: OS::Heat::None, condition: c0}}\n",
    "group": HEAD + "resources: {g: {type: OS::Heat::ResourceGroup, properties: {count: 1000000000, "
    "resource_def: {type: OS::Heat::None}}}}\n",
}  # fmt: skip
