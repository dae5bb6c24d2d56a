# SPDX-License-Identifier: Apache-2.0
"""Pure: a server's user data and identity compiled to the one script that it boots with.

What runs when: boothooks and bootcmd on each boot; everything else once in the life of an instance, each
step marked before it begins, as cloud-init does. Nothing is left out silently: what is not supported is a
line on the console.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samovar.cloud.host.boot_script import BootScript
from samovar.cloud.host.cloud_config import bootcmd, cloud_config, merge, power_state, runcmd, scalar
from samovar.cloud.host.specs import FileSpec
from samovar.cloud.host.user_data_parts import Part, parts_of
from samovar.cloud.host.user_data_yaml import UserDataError, load

__all__ = ["BootPlan", "Instance", "compile_user_data"]

WORDS = Path(__file__).with_name("boot.sh")
AGENT = Path(__file__).with_name("software_agent.py")
CFN_COMMANDS = Path(__file__).with_name("cfn_commands.py")
CFN_WORDS = re.compile(rb"cfn-init\b(?!-data)|cfn-signal|AWS::CloudFormation::Init|os-collect-config")
CFN_PLACE = "/var/lib/cloud/data"
SCRIPT_TYPES = {"text/x-shellscript", "text/x-shellscript-per-instance", "text/x-shellscript-per-once"}
UNSUPPORTED = {
    "text/part-handler": "part handlers are not run; parts of their types are kept in /var/lib/cloud/data",
    "text/x-include-url": "#include is not supported: give the content itself",
    "text/x-include-once-url": "#include-once is not supported: give the content itself",
    "text/upstart-job": "upstart jobs are not supported",
    "text/jinja2": "jinja templates are not supported: give the text itself",
    "application/vnd.coreos.ignition+json": "Ignition is not supported: use #cloud-config",
}


@dataclass(frozen=True)
class Instance:
    """Who the server is. ``files`` are put in place on each boot, before anything else runs."""

    id: str
    hostname: str
    banner: str = ""
    public_keys: tuple[str, ...] = ()
    admin_password: str = ""
    nameservers: tuple[str, ...] = ()
    files: tuple[FileSpec, ...] = ()


@dataclass(frozen=True)
class BootPlan:
    """The steps of a boot in the words of boot.sh, the files they use, and what had to be left out."""

    steps: tuple[str, ...]
    files: dict[str, bytes]
    warnings: tuple[str, ...]

    @property
    def script(self) -> str:
        """The whole text of /run/samovar/boot."""
        return "\n".join([WORDS.read_text(), *self.steps, ""])


def compile_user_data(user_data: bytes, instance: Instance) -> BootPlan:
    """Compile; never fails: what cannot be used becomes a warning on the server's console."""
    script = BootScript()
    parts = parts_of(user_data)
    config, problems = _configuration(parts)
    script.word("start", instance.id, instance.banner or f"Server {instance.hostname}")
    _identity(instance, config, script)
    script.word("say", f"running 'init' for instance {instance.id}")
    for sentence in problems:
        script.warn(sentence)
    for part in parts:
        if part.type == "text/cloud-boothook":
            script.word("command_list", f"boothook {part.name}", script.file(_hook(part.content)))
    bootcmd(config, script)
    _handed_over(parts, script)
    cloud_config({**config, **_keys(instance, config)}, script)
    if instance.admin_password:
        steps = script.part()
        steps.word("passwords", steps.file(f"root:{instance.admin_password}\n".encode()))
        script.once("config_admin_password", steps)
    passwords = config.get("ssh_pwauth")
    if passwords is True or any(line.lstrip().startswith("authorize ") for line in script.lines):
        script.word("secure_shell", *(["keys-only"] if passwords is False else []))
    if any(
        CFN_WORDS.search(content) for content in (*script.files.values(), *(part.content for part in parts))
    ):
        script.word("cfn_commands", script.file(CFN_COMMANDS.read_bytes()))
    script.word("say", "running 'modules:final'")
    script.word("standing_scripts")
    _scripts(parts, config, script)
    if any(b'"os-collect-config"' in content for content in script.files.values()):
        script.word("software_agent", script.file(AGENT.read_bytes()))
    message = scalar(config.get("final_message"))
    script.word("finish", script.file(f"{message}\n".encode()) if message else "")
    steps = script.part()
    power_state(config, steps)
    script.once("config_power_state", steps)
    return BootPlan(tuple(script.lines), script.files, tuple(script.warnings))


def _configuration(parts: list[Part]) -> tuple[dict[str, Any], list[str]]:
    """All #cloud-config parts merged, and a sentence for each part that cannot be used."""
    config: dict[str, Any] = {}
    problems = []
    for part in parts:
        if part.problem:
            problems.append(f"{part.name} was left out: {part.problem}")
        elif part.type in UNSUPPORTED:
            problems.append(f"{part.name} was left out: {UNSUPPORTED[part.type]}")
        elif part.type == "text/cloud-config":
            try:
                loaded = load(part.content)
                if not isinstance(loaded, dict) and loaded is not None:
                    raise UserDataError("it is not a map of modules")
                config = merge(config, loaded or {})
            except UserDataError as error:
                problems.append(f"{part.name} (cloud-config) was left out: {error}")
    return config, problems


def _identity(instance: Instance, config: dict[str, Any], script: BootScript) -> None:
    """Host name, /etc/hosts, resolv.conf and the files of the instance, on each boot."""
    full = scalar(config.get("fqdn")) or scalar(config.get("hostname")) or instance.hostname
    short = (scalar(config.get("hostname")) or full).split(".")[0]
    own = full if config.get("prefer_fqdn_over_hostname") else short
    hostname = script.part()
    hostname.word("name_self", own)
    if config.get("preserve_hostname"):
        script.once("preserved_hostname", hostname)
    else:
        script.lines += hostname.lines
    hosts = script.part()
    hosts.word("hosts_file", short, full)
    if config.get("manage_etc_hosts"):
        script.lines += hosts.lines
    else:
        script.once("etc_hosts", hosts)
    if instance.nameservers:
        content = "".join(f"nameserver {server}\n" for server in instance.nameservers).encode()
        script.word("place", script.file(content), "/etc/resolv.conf", "0644", "root:root", "write")
    for file in instance.files:
        script.word("place", script.file(file.content), file.path, f"{file.mode:04o}", file.owner, "write")


def _keys(instance: Instance, config: dict[str, Any]) -> dict[str, Any]:
    """The instance's key pairs beside the keys of the configuration."""
    given = config.get("ssh_authorized_keys")
    given = given.splitlines() if isinstance(given, str) else given if isinstance(given, list) else []
    keys = [*(key.strip() for key in instance.public_keys), *given]
    return {"ssh_authorized_keys": keys} if keys else {}


def _handed_over(parts: list[Part], script: BootScript) -> None:
    """Parts for software in the server (as Heat's for cfn-init): kept where their handler would put them."""
    steps = script.part()
    handled = {
        *SCRIPT_TYPES,
        *UNSUPPORTED,
        "text/cloud-config",
        "text/cloud-boothook",
        "text/x-shellscript-per-boot",
    }
    for part in parts:
        if not part.problem and part.type not in handled:
            mode = "0700" if part.name == "cfn-userdata" else "0600"
            steps.word(
                "place", steps.file(part.content), f"{CFN_PLACE}/{part.name}", mode, "root:root", "write"
            )
            if part.type != "text/x-cfninitdata":
                steps.warn(f"{part.name} ({part.type}) has no handler; it is kept in {CFN_PLACE}/{part.name}")
    script.once("handed_over", steps)


def _scripts(parts: list[Part], config: dict[str, Any], script: BootScript) -> None:
    """The user's scripts in the order of their names (with runcmd among them), as cloud-init runs them."""
    for part in parts:
        if part.type == "text/x-shellscript-per-boot":
            script.word("script", script.file(part.content), part.name)
    steps = script.part()
    scripts = {part.name: part.content for part in parts if part.type in SCRIPT_TYPES and not part.problem}
    commands = runcmd(config, steps)
    if commands is not None:
        scripts["runcmd"] = commands
    userdata = next(
        (part.content for part in parts if part.name == "cfn-userdata" and part.type not in SCRIPT_TYPES),
        None,
    )
    if userdata is not None and not any(b"cfn-userdata" in content for content in scripts.values()):
        if userdata.startswith(b"#!"):
            scripts["cfn-userdata"] = userdata
        elif userdata.strip():
            steps.warn("cfn-userdata was not run: it does not begin with #!")
    for name in sorted(scripts):
        if not scripts[name].lstrip().startswith(b"#!"):
            steps.warn(f"{name} was not run: it does not begin with #!")
        else:
            steps.word("script", steps.file(scripts[name].lstrip()), name)
    script.once("scripts_user", steps)


def _hook(content: bytes) -> bytes:
    """A boothook without its first line; it may bring an interpreter line of its own."""
    return (
        content.lstrip().partition(b"\n")[2] if content.lstrip().startswith(b"#cloud-boothook") else content
    )
