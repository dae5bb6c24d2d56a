# SPDX-License-Identifier: Apache-2.0
"""User data compiled to the steps of a boot: tables of what people write and what comes of it."""

from __future__ import annotations

import base64
import gzip
import shlex
import time
from email.mime.application import MIMEApplication
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from samovar.cloud.host.user_data import BootPlan, Instance, compile_user_data

PACKED = base64.b64encode(gzip.compress(b"hi", mtime=0)).decode()
WEB = Instance(id="i-1", hostname="web1")


def compiled(user_data: str | bytes, instance: Instance = WEB) -> BootPlan:
    return compile_user_data(user_data.encode() if isinstance(user_data, str) else user_data, instance)


def config(text: str, instance: Instance = WEB) -> BootPlan:
    return compiled(f"#cloud-config\n{text}\n", instance)


def words(plan: BootPlan, word: str) -> list[list[str]]:
    """The arguments of every use of a word, with the names of files replaced by their content."""
    found = []
    for line in plan.steps:
        step = line.strip()
        if step == word or step.startswith(f"{word} "):
            found.append(
                [plan.files[one].decode() if one in plan.files else one for one in shlex.split(step)[1:]]
            )
    return found


def scripts(plan: BootPlan) -> dict[str, str]:
    return {name: content for content, name in words(plan, "script")}


def test_nothing_given_boots_with_a_name_and_no_more() -> None:
    plan = compiled(b"")
    assert [step.split()[0] for step in plan.steps if not step.startswith(" ")] == [
        "start", "name_self", "if", "fi", "say", "say", "standing_scripts", "finish",
    ]  # fmt: skip
    assert plan.warnings == ()


def test_a_script_runs_once_in_the_life_of_an_instance() -> None:
    plan = compiled("#!/bin/bash\necho hi\n")
    assert scripts(plan) == {"part-001": "#!/bin/bash\necho hi\n"}
    at = next(number for number, step in enumerate(plan.steps) if step.strip().startswith("script "))
    assert plan.steps[at - 1] == "if once scripts_user; then"


@pytest.mark.parametrize("packed", [gzip.compress, lambda data: data])
@pytest.mark.parametrize("text", ["#!/bin/sh\ntrue\n", "\n  #!/bin/sh\ntrue\n"])
def test_scripts_are_found_packed_and_behind_blank_lines(packed: object, text: str) -> None:
    plan = compiled(packed(text.encode()))  # type: ignore[operator]
    assert scripts(plan) == {"part-001": "#!/bin/sh\ntrue\n"}


@pytest.mark.parametrize(
    ("entry", "content", "rest"),
    [
        ("{path: /a, content: x}", "x", ["/a", "0644", "root:root", "write"]),
        ("{path: /a, content: x, permissions: '0755'}", "x", ["/a", "0755", "root:root", "write"]),
        ("{path: /a, content: x, permissions: 0600}", "x", ["/a", "0600", "root:root", "write"]),
        ("{path: /a, content: x, owner: 'www:web'}", "x", ["/a", "0644", "www:web", "write"]),
        ("{path: /a, content: x, append: true}", "x", ["/a", "0644", "root:root", "append"]),
        ("{path: /a}", "", ["/a", "0644", "root:root", "write"]),
        ("{path: '/a b', content: 5}", "5", ["/a b", "0644", "root:root", "write"]),
        ("{path: /a, encoding: b64, content: aGk=}", "hi", ["/a", "0644", "root:root", "write"]),
        ("{path: /a, encoding: base64, content: aGk=}", "hi", ["/a", "0644", "root:root", "write"]),
        (
            f"{{path: /a, encoding: gz+b64, content: {PACKED}}}",
            "hi",
            ["/a", "0644", "root:root", "write"],
        ),
        (
            f"{{path: /a, encoding: gzip, content: !!binary {PACKED}}}",
            "hi",
            ["/a", "0644", "root:root", "write"],
        ),
    ],
)
def test_write_files(entry: str, content: str, rest: list[str]) -> None:
    plan = config(f"write_files: [{entry}]")
    assert words(plan, "place") == [[content, *rest]]
    assert plan.warnings == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("write_files: [{content: x}]", "write_files: item 1 has no path and was left out"),
        ("write_files: 3", "write_files: item 1 has no path and was left out"),
        ("write_files: [{path: /a, permissions: rw}]", "'rw' are no permissions; 0644 is used"),
        (
            "write_files: [{path: /a, encoding: b64, content: '*'}]",
            "/a was left out: its content is not base64",
        ),
        ("write_files: [{path: /a, encoding: rot13}]", "/a was left out: the encoding rot13 is unknown"),
        ("write_files: [{path: /a, encoding: gz, content: x}]", "/a was left out: its gzip data is damaged"),
        ("write_files: [{path: /a, source: {uri: 'http://x'}}]", "a source to download is not supported"),
        ("runcmd: touch /x", "runcmd is not a list of commands and was left out"),
        ("runcmd: [{a: b}]", "runcmd: item 1 is neither a text nor a list of texts"),
        ("puppet: {install: true}", "the cloud-config module puppet is not supported and was left out"),
        ("mounts: [[sda, /x]]", "the cloud-config module mounts is not supported and was left out"),
        ("ntp: {enabled: true}", "the cloud-config module ntp is not supported and was left out"),
        ("pakages: [nginx]", "the cloud-config module pakages is not supported and was left out"),
        ("users: [{gecos: x}]", "users: an item without a name was left out"),
        ("users: [{name: a, ssh_import_id: [gh:a]}]", "users: a: ssh_import_id is not supported"),
        ("chpasswd: {list: ['a:RANDOM']}", "a random password (for a) is not supported"),
        ("chpasswd: x", "chpasswd is not a map and was left out"),
        ("packages: [{snap: [x]}]", "packages: snap is not supported"),
        ("power_state: {mode: explode}", "power_state: its mode or delay is not known"),
        ("a: [", "(cloud-config) was left out: its YAML is wrong in line 3"),
        ("- a", "(cloud-config) was left out: it is not a map of modules"),
        ("a: &a [*a]", "(cloud-config) was left out"),
    ],
)
def test_what_cannot_be_used_is_said(text: str, sentence: str) -> None:
    plan = config(text)
    assert any(sentence in warning for warning in plan.warnings), plan.warnings
    assert [list(each) for each in zip(plan.warnings, strict=True)] == words(plan, "warn")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hello", "part-001 was left out: it begins neither with #!"),
        ("#include\nhttp://x/y", "#include is not supported"),
        ("#include-once\nhttp://x/y", "#include-once is not supported"),
        ("#part-handler\nx", "part handlers are not run"),
        ("## template: jinja\n#cloud-config\n", "jinja templates are not supported"),
        ('{"ignition": {"version": "3.0.0"}}', "Ignition is not supported"),
        ("#upstart-job\nx", "upstart jobs are not supported"),
        (b"\x1f\x8bnonsense", "its gzip data is damaged"),
        (gzip.compress(bytes(17 << 20), mtime=0), "it unpacks to more than 16 MiB"),
    ],
)
def test_kinds_that_are_not_supported_are_named(text: str | bytes, sentence: str) -> None:
    plan = compiled(text)
    assert len(plan.warnings) == 1
    assert sentence in plan.warnings[0]


def test_runcmd_takes_texts_and_lists_and_runs_after_the_parts_by_name() -> None:
    plan = config("runcmd:\n- echo $HOME > /x\n- [ls, '-l', 'a b', 5]\n- null\n")
    assert scripts(plan) == {"runcmd": "#!/bin/sh\necho $HOME > /x\nls -l 'a b' 5\n"}


def test_bootcmd_and_boothooks_run_on_each_boot_hooks_first() -> None:
    message = MIMEMultipart()
    message.attach(MIMEText("bootcmd: [date]", "cloud-config"))
    message.attach(MIMEText("#cloud-boothook\n#!/bin/sh\nuptime\n", "cloud-boothook"))
    plan = compiled(message.as_bytes())
    assert words(plan, "command_list") == [
        ["boothook part-002", "#!/bin/sh\nuptime\n"],
        ["bootcmd", "#!/bin/sh\ndate\n"],
    ]
    assert all(not step.startswith(" ") for step in plan.steps if "command_list" in step)


def test_later_parts_win_unless_they_say_how_to_merge() -> None:
    def both(second: str) -> BootPlan:
        message = MIMEMultipart()
        for text in ("timezone: Europe/Oslo\nruncmd: [one]", second):
            message.attach(MIMEText(text, "cloud-config"))
        return compiled(message.as_bytes())

    assert scripts(both("runcmd: [two]"))["runcmd"] == "#!/bin/sh\ntwo\n"
    appended = both("merge_how: 'list(append)+dict(recurse_array)+str()'\nruncmd: [two]")
    assert scripts(appended)["runcmd"] == "#!/bin/sh\none\ntwo\n"
    listed = both("merge_how: [{name: list, settings: [append]}]\nruncmd: [two]")
    assert scripts(listed)["runcmd"] == "#!/bin/sh\none\ntwo\n"
    assert words(listed, "timezone") == [["Europe/Oslo"]]


def test_users_groups_keys_and_passwords() -> None:
    plan = config(
        """
groups: [docker, {web: [ada]}]
users:
- default
- name: ada
  gecos: Ada L
  groups: [sudo, docker]
  shell: /bin/bash
  sudo: ALL=(ALL) NOPASSWD:ALL
  passwd: $6$salt$hash
  lock_passwd: false
  ssh_authorized_keys: [ssh-ed25519 AAAA ada]
- {name: svc, system: true, no_create_home: true, uid: 200, plain_text_passwd: secret}
- bob
ssh_authorized_keys: [ssh-rsa BBBB me]
password: pass
chpasswd:
  expire: false
  list: |
    root:toor
    bob:$6$x$y
"""
    )
    assert words(plan, "group") == [["docker"], ["web"]]
    assert words(plan, "group_member") == [["web", "ada"]]
    assert words(plan, "user") == [
        ["ada", "Ada L", "", "/bin/bash", "", "sudo,docker", "", "", ""],
        ["svc", "", "", "", "", "", "yes", "yes", "200"],
        ["bob", "", "", "", "", "", "", "", ""],
    ]
    assert words(plan, "passwords") == [
        ["ada:$6$salt$hash\n", "-e"],
        ["svc:secret\n"],
        ["root:toor\n"],
        ["bob:$6$x$y\n", "-e"],
    ]
    assert words(plan, "lock_password") == [["svc"]]
    assert words(plan, "sudo_rule") == [["ada", "ALL=(ALL) NOPASSWD:ALL"]]
    assert words(plan, "authorize")[0] == ["ada", "ssh-ed25519 AAAA ada\n"]
    assert words(plan, "authorize")[1:] == [["$default", "ssh-rsa BBBB me\n"], ["root", "ssh-rsa BBBB me\n"]]
    assert words(plan, "default_password") == [["pass\n"]]
    assert plan.warnings == ()


def test_key_pairs_of_the_server_open_the_default_user_and_root() -> None:
    instance = Instance(id="i", hostname="h", public_keys=("ssh-rsa AAAA me\n",), admin_password="geheim")
    plan = compiled(b"", instance)
    assert words(plan, "default_user") == [[""]]
    assert words(plan, "authorize") == [["$default", "ssh-rsa AAAA me\n"], ["root", "ssh-rsa AAAA me\n"]]
    assert words(plan, "passwords") == [["root:geheim\n"]]
    assert words(plan, "secure_shell") == [[]]
    assert words(config("ssh_pwauth: false", instance), "secure_shell") == [["keys-only"]]
    assert words(config("ssh_pwauth: true"), "secure_shell") == [[]]
    assert words(config("disable_root: true", instance), "authorize") == [["$default", "ssh-rsa AAAA me\n"]]


@pytest.mark.parametrize(
    ("text", "name", "hosts"),
    [
        ("", "web1", ["web1", "web1"]),
        ("hostname: db", "db", ["db", "db"]),
        ("fqdn: db.example.org", "db", ["db", "db.example.org"]),
        ("fqdn: db.example.org\nprefer_fqdn_over_hostname: true", "db.example.org", ["db", "db.example.org"]),
        ("hostname: db\nfqdn: x.example.org", "db", ["db", "x.example.org"]),
    ],
)
def test_names(text: str, name: str, hosts: list[str]) -> None:
    plan = config(text)
    assert words(plan, "name_self") == [[name]]
    assert words(plan, "hosts_file") == [hosts]


def test_name_and_hosts_are_kept_where_asked_for() -> None:
    assert "if once preserved_hostname; then" in config("preserve_hostname: true").steps
    assert "hosts_file web1 web1" in config("manage_etc_hosts: true").steps
    assert "    hosts_file web1 web1" in config("").steps


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "packages: [nginx, [redis, '7.0'], {apt: [vim]}]",
            [["update"], ["install", "nginx", "redis=7.0", "vim"]],
        ),
        ("package_update: true", [["update"]]),
        ("package_upgrade: true", [["update"], ["upgrade"]]),
        ("packages: 'a, b'", [["update"], ["install", "a", "b"]]),
        ("packages: []", []),
    ],
)
def test_packages(text: str, expected: list[list[str]]) -> None:
    assert words(config(text), "packages") == expected


def test_other_modules() -> None:
    plan = config(
        """
timezone: Europe/Oslo
manage_resolv_conf: true
resolv_conf: {nameservers: [1.1.1.1], searchdomains: [a.b], options: {rotate: true, timeout: 1}}
ca_certs: {trusted: ["-----BEGIN"]}
final_message: up after $UPTIME s
power_state: {mode: reboot, delay: 5, condition: test -e /x}
growpart: {mode: auto}
"""
    )
    assert words(plan, "timezone") == [["Europe/Oslo"]]
    assert words(plan, "place")[0][0] == "nameserver 1.1.1.1\nsearch a.b\noptions rotate timeout:1\n"
    assert words(plan, "place")[1][1].endswith("cloud-init-ca-cert-1.crt")
    assert words(plan, "finish") == [["up after $UPTIME s\n"]]
    assert plan.steps[-2] == "    (cd / && sh -c 'test -e /x') && shutdown -r +5"
    assert plan.warnings == ()


def heats_default(*, with_logger: bool) -> bytes:
    """The parts that Heat sends by default."""
    message = MIMEMultipart()
    logger = "#!/usr/bin/env python3\n# runs /var/lib/cloud/data/cfn-userdata\n"
    for kind, name, text in (
        ("cloud-config", "cloud-config", "#cloud-config\nuser: ec2-user\n"),
        ("cloud-boothook", "boothook.sh", "#!/bin/sh\nsetenforce 0\n"),
        ("part-handler", "part-handler.py", "# part-handler\n"),
        ("x-cfninitdata", "cfn-userdata", "#!/bin/sh\necho from heat\n"),
        *([("x-shellscript", "loguserdata.py", logger)] if with_logger else []),
        ("x-cfninitdata", "cfn-init-data", '{"a": "é"}'),
    ):
        part = MIMEText(text, kind, "utf-8")
        part.add_header("Content-Disposition", f'attachment; filename="{name}"')
        message.attach(part)
    return message.as_bytes()


def test_heats_default_format() -> None:
    plan = compiled(heats_default(with_logger=False))
    assert scripts(plan) == {"cfn-userdata": "#!/bin/sh\necho from heat\n"}
    assert words(plan, "command_list") == [["boothook boothook.sh", "#!/bin/sh\nsetenforce 0\n"]]
    assert words(plan, "place") == [
        ["#!/bin/sh\necho from heat\n", "/var/lib/cloud/data/cfn-userdata", "0700", "root:root", "write"],
        ['{"a": "é"}', "/var/lib/cloud/data/cfn-init-data", "0600", "root:root", "write"],
    ]
    assert words(plan, "default_user") == [["ec2-user"]]
    assert [warning for warning in plan.warnings if "handler" not in warning] == []


def test_heats_script_is_not_run_twice_when_another_part_runs_it() -> None:
    assert list(scripts(compiled(heats_default(with_logger=True)))) == ["loguserdata.py"]


def test_parts_in_parts_packed_parts_and_strange_names() -> None:
    inner = MIMEMultipart()
    inner.attach(MIMEText("#!/bin/sh\necho inner\n", "x-shellscript"))
    packed = MIMEApplication(gzip.compress(b"#!/bin/sh\necho packed\n"), "octet-stream")
    packed.add_header("Content-Disposition", "attachment", filename="../../etc/b")
    plain = MIMEBase("text", "plain")
    plain.set_payload("#cloud-config\ntimezone: UTC\n")
    outer = MIMEMultipart()
    for part in (inner, packed, plain):
        outer.attach(part)
    plan = compiled(gzip.compress(outer.as_bytes()))
    assert scripts(plan) == {"part-001": "#!/bin/sh\necho inner\n", "_.._etc_b": "#!/bin/sh\necho packed\n"}
    assert words(plan, "timezone") == [["UTC"]]


def test_cloud_config_archive() -> None:
    plan = compiled(
        "#cloud-config-archive\n- type: text/cloud-config\n  content: |\n    timezone: UTC\n"
        "- |\n  #!/bin/sh\n  date\n"
    )
    assert scripts(plan) == {"part-002": "#!/bin/sh\ndate\n"}
    assert words(plan, "timezone") == [["UTC"]]


@pytest.mark.parametrize(
    "bomb",
    [
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9))
        + "runcmd: *j",
        "runcmd: " + "[" * 5000,
        "write_files: " + "{a: " * 500 + "1" + "}" * 500,
    ],
)
def test_bombs_are_refused_at_once(bomb: str) -> None:
    begun = time.perf_counter()
    plan = config(bomb)
    assert time.perf_counter() - begun < 1
    assert len(plan.warnings) == 1


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"#cloud-config\n{text}".encode()))
def test_nothing_that_people_send_makes_compiling_fail(user_data: bytes) -> None:
    compiled(user_data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MODULES = (
    "write_files runcmd bootcmd users groups user password ssh_authorized_keys chpasswd packages timezone"
)
MODULES += " hostname fqdn resolv_conf manage_resolv_conf ca_certs power_state final_message merge_how"


@given(st.dictionaries(st.sampled_from(MODULES.split()), VALUES, max_size=4))
def test_modules_take_values_of_any_shape(given: dict[str, object]) -> None:
    compiled(b"#cloud-config\n" + yaml.safe_dump(given, allow_unicode=True).encode())
