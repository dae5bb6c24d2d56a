# SPDX-License-Identifier: Apache-2.0
"""samovar validate: all mistakes at once, each in the line where it was written."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from commands import Command, places

HEAD = "heat_template_version: 2018-08-31\n"
MAIN = (
    HEAD
    + """parameters:
  colour: {type: string, default: red}
resources:
  web:
    type: OS::Nova::Servr
  net:
    type: OS::Neutron::Net
    properties: {nmae: x}
  inner: {type: sub/inner.yaml, properties: {size: 3, sice: 4}}
  random:
    type: OS::Heat::RandomString
    properties: {length: many}
outputs:
  o: {value: {get_attr: [nett, name]}}
"""
)
INNER = (
    HEAD
    + """parameters: {size: {type: number}}
resources:
  deep: {type: deeper.yaml, properties: {colour: {get_param: sise}}}
  text:
    type: OS::Heat::Value
    properties: {value: {get_file: "hello.yaml"}, typ: string}
"""
)
DEEPER = (
    HEAD
    + """parameters: {colour: {type: string}}
resources:
  x:
    type: OS::Heat::RandomString
    properties:
      lenght: 3
"""
)
ENVIRONMENT = """parameters:
  color: blue
resource_registry:
  "My::Type": sub/deeper.yaml
  resources: {web: {hooks: pre-crete}}
"""


def test_five_mistakes_are_five_findings_in_their_lines(samovar: Command) -> None:
    samovar.write(main=MAIN, sub__inner=INNER, sub__deeper=DEEPER, sub__hello="hello")
    status, out, _ = samovar("validate", "main.yaml", "--json")
    assert status == 1
    found = json.loads(out)["diagnostics"]
    assert [each for each in places(found) if each[1] == "main.yaml"] == [
        ("property-type", "main.yaml", 13, 18),
        ("unknown-property", "main.yaml", 9, 18),
        ("unknown-property", "main.yaml", 10, 55),
        ("unknown-resource", "main.yaml", 15, 26),
        ("unknown-type", "main.yaml", 6, 11),
    ]


def test_nested_files_and_environments_keep_their_lines(samovar: Command) -> None:
    samovar.write(main=MAIN, sub__inner=INNER, sub__deeper=DEEPER, sub__hello="hello", env=ENVIRONMENT)
    status, out, _ = samovar("validate", "main.yaml", "-e", "env.yaml", "--json")
    found = places(json.loads(out)["diagnostics"])
    assert status == 1
    assert [each for each in found if each[1] != "main.yaml"] == [
        ("invalid-hook", "env.yaml", 5, 21),
        ("parameter-missing", "sub/inner.yaml", 4, 62),
        ("unknown-parameter", "env.yaml", 2, 3),
        ("unknown-property", "sub/deeper.yaml", 7, 7),
        ("unknown-property", "sub/inner.yaml", 7, 51),
    ]
    _, text, _ = samovar("validate", "main.yaml", "-e", "env.yaml")
    assert '    properties: {value: {get_file: "hello.yaml"}, typ: string}' in text  # as it was written
    assert "in resources.inner / resources.deep / resources.x.properties.lenght" in text
    assert 'Did you mean "length"?' in text
    assert text.rstrip().endswith("10 errors")


def test_members_of_groups_are_checked_as_resources(samovar: Command) -> None:
    samovar.write(
        main=HEAD
        + """resources:
  good:
    type: OS::Heat::ResourceGroup
    properties: {count: 2, index_var: "%i%", resource_def: {type: OS::Heat::RandomString, properties: {length: "1%i%"}}}
  bad:
    type: OS::Heat::ResourceGroup
    properties:
      resource_def:
        type: OS::Heat::RandomString
        properties: {lenght: 5}
  worse:
    type: OS::Heat::ResourceGroup
    properties: {resource_def: {type: OS::Heat::RandomStrin}}
  nested:
    type: OS::Heat::AutoScalingGroup
    properties: {min_size: 1, max_size: 2, resource: {type: inner.yaml, properties: {sise: 1}}}
""",
        inner=HEAD + "parameters: {size: {type: number, default: 1}}\nresources: {}\n",
    )
    _, out, _ = samovar("validate", "main.yaml", "--json")
    assert places(json.loads(out)["diagnostics"]) == [
        ("unknown-property", "main.yaml", 11, 22),
        ("unknown-property", "main.yaml", 17, 86),
        ("unknown-type", "main.yaml", 14, 39),
    ]


def test_a_good_template_is_valid(samovar: Command) -> None:
    yaql = HEAD + (
        "parameters: {p: {type: string, default: aa, constraints: [{allowed_pattern: '(a|b)+'}]}}\n"
        "resources: {v: {type: OS::Heat::Value, properties: {value: "
        "{yaql: {expression: '$.data.x.len()', data: {x: abc}}}}}}\n"
    )
    samovar.write(good=yaql)
    assert samovar("validate", "good.yaml") == (0, "good.yaml is valid.\n", "")


def test_files_outside_the_folder_are_not_read(samovar: Command) -> None:
    samovar.write(
        main=HEAD + "resources: {v: {type: OS::Heat::Value, properties: {value: {get_file: ../x}}}}\n"
    )
    status, _, told = samovar("validate", "main.yaml")
    assert status == 1 and "only files in that folder are read" in told
    samovar.write(
        main=HEAD + 'resources: {v: {type: OS::Heat::Value, properties: {value: {get_file: "a\\0b"}}}}\n'
    )
    status, _, told = samovar("validate", "main.yaml")
    assert status == 1 and "Traceback" not in told
    samovar.write(main=HEAD + "resources: {v: {type: 'file:///etc/x.yaml'}}\n")
    status, _, told = samovar("validate", "main.yaml")
    assert status == 1 and "is not read" in told


class _Files(BaseHTTPRequestHandler):
    FILES = {
        "/dir/inner.yaml": HEAD + "resources: {deep: {type: deeper.yaml}}\n",
        "/dir/deeper.yaml": HEAD + "resources:\n  x: {type: OS::Heat::RandomStrin}\n",
    }

    def do_GET(self) -> None:
        if self.path == "/moved.yaml":
            self.send_response(302)
            self.send_header("location", "/dir/deeper.yaml")
            self.end_headers()
            return
        text = "x" * 600_000 if self.path == "/big.yaml" else self.FILES.get(self.path)
        self.send_response(404 if text is None else 200)
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def origin() -> Iterator[str]:
    """A web server on this machine."""
    server = HTTPServer(("127.0.0.1", 0), _Files)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_urls_are_fetched_only_from_public_addresses(samovar: Command, origin: str) -> None:
    def checked(name: str, *options: str) -> tuple[int, str, str]:
        samovar.write(main=HEAD + f"resources: {{a: {{type: '{name}'}}}}\n")
        return samovar("validate", "main.yaml", *options)

    assert "127.0.0.1 is not a public address" in checked(f"{origin}/dir/inner.yaml")[2]
    assert "not a public address" in checked(f"{origin.replace('127.0.0.1', 'localhost')}/dir/inner.yaml")[2]
    assert "not a public address" in checked("http://[::ffff:169.254.169.254]/x.yaml")[2]
    status, text, _ = checked(f"{origin}/dir/inner.yaml", "--private-urls")
    assert status == 1 and f"--> {origin}/dir/deeper.yaml:3:13" in text
    assert "OS::Heat::RandomString" in checked(f"{origin}/moved.yaml", "--private-urls")[1]
    assert "HTTP 404" in checked(f"{origin}/none.yaml", "--private-urls")[2]
    assert "larger than" in checked(f"{origin}/big.yaml", "--private-urls")[2]
