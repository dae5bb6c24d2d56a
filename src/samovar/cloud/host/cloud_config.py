# SPDX-License-Identifier: Apache-2.0
"""Pure: the ``#cloud-config`` modules that servers know, each a function from its keys to words of
``boot.sh``.

Facts: https://cloudinit.readthedocs.io/en/latest/reference/modules.html. What is not known is named on the
console.
"""

from __future__ import annotations

import base64
import binascii
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from samovar.cloud.host.boot_script import BootScript
from samovar.cloud.host.user_data_parts import gunzip
from samovar.cloud.host.user_data_yaml import UserDataError

__all__ = ["KNOWN", "bootcmd", "cloud_config", "merge", "scalar", "strings"]

Config = Mapping[str, Any]
# Keys that change nothing in a container and need no word about it.
SILENT = frozenset(
    {
        "merge_how",
        "merge_type",
        "preserve_hostname",
        "prefer_fqdn_over_hostname",
        "ssh_deletekeys",
        "ssh_genkeytypes",
        "ssh_quiet_keygen",
        "resize_rootfs",
        "growpart",
        "manage_etc_hosts",
        "hostname",
        "fqdn",
        "create_hostname_file",
        "disable_root",
        "disable_root_opts",
        "no_ssh_fingerprints",
        "ssh_fp_console_blacklist",
        "ssh_publish_hostkeys",
        "output",
        "bootcmd",
        "runcmd",
        "final_message",
    }
)
HASHES = ("$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$7$", "$y$")


def scalar(value: Any) -> str | None:
    """The text of a single value; None for lists, maps and nothing."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def strings(value: Any, separator: str = ",") -> list[str]:
    """A list of texts, also when written as one text with separators."""
    if isinstance(value, str):
        return [piece.strip() for piece in value.split(separator) if piece.strip()]
    if isinstance(value, list):
        return [text for text in map(scalar, value) if text]
    if isinstance(value, dict):
        return [str(key) for key in value]
    return []


def merge(old: dict[str, Any], new: Config) -> dict[str, Any]:
    """A further #cloud-config part over the ones before: its keys win, unless its ``merge_how`` says
    otherwise.
    """
    how = new.get("merge_how", new.get("merge_type", ""))
    words = str([str(item)[:200] for item in how]) if isinstance(how, list) else str(how)[:400]
    append, recurse = "append" in words, "recurse" in words
    return {
        **old,
        **{str(key): _merged(old.get(str(key)), value, append, recurse) for key, value in new.items()},
    }


def _merged(old: Any, new: Any, append: bool, recurse: bool) -> Any:
    if append and isinstance(old, list) and isinstance(new, list):
        return old + new
    if recurse and isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: _merged(old.get(key), value, append, recurse) for key, value in new.items()}}
    return new


def cloud_config(config: Config, script: BootScript) -> None:
    """Everything but bootcmd (see ``bootcmd``) and the two scripts' turn: in cloud-init's order, once
    each.
    """
    for key in config:
        if key not in KNOWN and key not in SILENT:
            script.warn(f"the cloud-config module {key} is not supported and was left out")
    for name, module in MODULES.items():
        steps = script.part()
        module(config, steps)
        script.once(name, steps)


def bootcmd(config: Config, script: BootScript) -> None:
    if config.get("bootcmd"):
        script.word("command_list", "bootcmd", script.file(_commands(config["bootcmd"], "bootcmd", script)))


def runcmd(config: Config, script: BootScript) -> bytes | None:
    """The script of runcmd, to be run among the user's scripts."""
    return _commands(config["runcmd"], "runcmd", script) if config.get("runcmd") else None


def _commands(value: Any, key: str, script: BootScript) -> bytes:
    lines = ["#!/bin/sh"]
    if not isinstance(value, list):
        script.warn(f"{key} is not a list of commands and was left out")
        value = []
    for number, command in enumerate(value, 1):
        if isinstance(command, str):
            lines.append(command)
        elif isinstance(command, list) and all(scalar(word) is not None for word in command):
            lines.append(" ".join(shlex.quote(scalar(word) or "") for word in command))
        elif command is not None:
            script.warn(f"{key}: item {number} is neither a text nor a list of texts and was left out")
    return ("\n".join(lines) + "\n").encode()


def _write_files(config: Config, script: BootScript, deferred: bool = False) -> None:
    entries = config.get("write_files") or []
    for number, entry in enumerate(entries if isinstance(entries, list) else [None], 1):
        if not isinstance(entry, dict) or not scalar(entry.get("path")):
            if not deferred:
                script.warn(f"write_files: item {number} has no path and was left out")
            continue
        if bool(entry.get("defer")) != deferred:
            continue
        path = str(entry["path"])
        if entry.get("source"):
            script.warn(f"write_files: {path}: a source to download is not supported; its content is used")
        try:
            content = _decoded(entry.get("content", ""), str(entry.get("encoding", "")))
        except UserDataError as error:
            script.warn(f"write_files: {path} was left out: {error}")
            continue
        mode = entry.get("permissions", "0644")
        mode = f"{mode:04o}" if isinstance(mode, int) and not isinstance(mode, bool) else str(mode)
        if not mode or mode.strip("01234567"):
            script.warn(f"write_files: {path}: {mode!r} are no permissions; 0644 is used")
            mode = "0644"
        owner = scalar(entry.get("owner")) or "root:root"
        script.word(
            "place", script.file(content), path, mode, owner, "append" if entry.get("append") else "write"
        )


def _decoded(content: Any, encoding: str) -> bytes:
    data = content if isinstance(content, bytes) else (scalar(content) or "").encode()
    kinds = encoding.lower().replace("base64", "b64").replace("gzip", "gz").split("+")
    if set(kinds) - {"", "gz", "b64", "text/plain"}:
        raise UserDataError(f"the encoding {encoding} is unknown")
    try:
        data = base64.b64decode(b"".join(data.split()), validate=True) if "b64" in kinds else data
    except binascii.Error as error:
        raise UserDataError(f"its content is not base64 ({error})") from None
    return gunzip(data) if "gz" in kinds else data


def _groups(config: Config, script: BootScript) -> None:
    groups = config.get("groups") or []
    for entry in groups if isinstance(groups, list) else [groups]:
        members = entry if isinstance(entry, dict) else dict.fromkeys(strings(entry))
        for name, users in members.items():
            script.word("group", str(name))
            for user in strings(users):
                script.word("group_member", str(name), user)


def _users(config: Config, script: BootScript) -> None:
    users = config.get("users", [])
    entries = users if isinstance(users, list) else strings(users)
    for entry in entries:
        if entry == "default" or (isinstance(entry, dict) and entry.get("name") == "default"):
            continue  # made where its keys are
        if isinstance(entry, str):
            entry = {"name": entry}
        if not isinstance(entry, dict) or not scalar(entry.get("name")):
            script.warn("users: an item without a name was left out")
            continue
        _user(entry, script)


def _user(entry: Config, script: BootScript) -> None:
    name = str(entry["name"])
    fields = [scalar(entry.get(key)) or "" for key in ("gecos", "homedir", "shell", "primary_group")]
    flags = ["yes" if entry.get(key) else "" for key in ("system", "no_create_home")]
    groups = ",".join(strings(entry.get("groups")))
    script.word("user", name, *fields, groups, *flags, scalar(entry.get("uid")) or "")
    hashed = scalar(entry.get("hashed_passwd")) or scalar(entry.get("passwd"))
    plain = scalar(entry.get("plain_text_passwd"))
    if hashed:
        script.word("passwords", script.file(f"{name}:{hashed}\n".encode()), "-e")
    elif plain:
        script.word("passwords", script.file(f"{name}:{plain}\n".encode()))
    if entry.get("lock_passwd", entry.get("lock-passwd", True)) and (hashed or plain):
        script.word("lock_password", name)
    sudo = entry.get("sudo")
    for rule in ([sudo] if isinstance(sudo, str) else strings(sudo)) if sudo else []:
        script.word("sudo_rule", name, rule)
    keys = strings(entry.get("ssh_authorized_keys", entry.get("ssh-authorized-keys")), "\n")
    if keys:
        script.word("authorize", name, script.file(_lines(keys)))
    for key in ("ssh_import_id", "doas", "snapuser", "selinux_user", "expiredate", "inactive"):
        if entry.get(key):
            script.warn(f"users: {name}: {key} is not supported and was left out")


def _lines(values: list[str]) -> bytes:
    return "".join(f"{value}\n" for value in values).encode()


def _default_user(config: Config, script: BootScript) -> None:
    users = config.get("users")
    keys = strings(config.get("ssh_authorized_keys"), "\n")
    named = scalar(config.get("user")) or ""
    wanted = isinstance(users, list) and any(
        entry == "default" or (isinstance(entry, dict) and entry.get("name") == "default") for entry in users
    )
    if not (keys or named or wanted or config.get("password")) or (users == []):
        return
    script.word("default_user", named)
    if keys:
        name = script.file(_lines(keys))
        script.lines.append(f'authorize "$default" {name}')
        if not config.get("disable_root", False):
            script.word("authorize", "root", name)
    password = scalar(config.get("password"))
    if password:
        content = script.file(f"{password}\n".encode())
        script.lines.append(f"default_password {content}{' -e' if password.startswith(HASHES) else ''}")


def _passwords(config: Config, script: BootScript) -> None:
    given = config.get("chpasswd")
    entries: list[tuple[str, str, str]] = []
    if isinstance(given, dict):
        old = given.get("list")
        for line in strings(old, "\n") if not isinstance(old, str) else old.splitlines():
            name, _, password = line.partition(":")
            if password:
                entries.append((name.strip(), password, "hash" if password.startswith(HASHES) else "text"))
        for user in given.get("users") or []:
            if isinstance(user, dict) and scalar(user.get("name")):
                kind = str(user.get("type", "hash")).lower()
                entries.append((str(user["name"]), scalar(user.get("password")) or "", kind))
    elif given is not None:
        script.warn("chpasswd is not a map and was left out")
    for kind in ("text", "hash"):
        lines = [
            f"{name}:{password}"
            for name, password, its in entries
            if its == kind and password not in ("R", "RANDOM")
        ]
        if lines:
            script.word("passwords", script.file(_lines(lines)), *(["-e"] if kind == "hash" else []))
    for name, password, kind in entries:
        if password in ("R", "RANDOM") or kind == "random":
            script.warn(f"chpasswd: a random password (for {name}) is not supported and was left out")


def _timezone(config: Config, script: BootScript) -> None:
    if scalar(config.get("timezone")):
        script.word("timezone", str(config["timezone"]))


def _resolv_conf(config: Config, script: BootScript) -> None:
    given = config.get("resolv_conf")
    if config.get("manage_resolv_conf") and isinstance(given, dict):
        lines = [f"nameserver {server}" for server in strings(given.get("nameservers"))]
        if strings(given.get("searchdomains")):
            lines.append("search " + " ".join(strings(given["searchdomains"])))
        if scalar(given.get("domain")):
            lines.append(f"domain {given['domain']}")
        if isinstance(given.get("options"), dict):
            flags = [
                str(key) if value is True else f"{key}:{value}"
                for key, value in given["options"].items()
                if value
            ]
            lines.append("options " + " ".join(flags))
        script.word("place", script.file(_lines(lines)), "/etc/resolv.conf", "0644", "root:root", "write")


def _authorities(config: Config, script: BootScript) -> None:
    given = config.get("ca_certs", config.get("ca-certs"))
    for number, certificate in enumerate(
        strings(given.get("trusted"), "\0") if isinstance(given, dict) else [], 1
    ):
        path = f"/usr/local/share/ca-certificates/cloud-init-ca-cert-{number}.crt"
        script.word("place", script.file(f"{certificate}\n".encode()), path, "0644", "root:root", "write")
    if script.lines:
        script.lines.append('update-ca-certificates || warn "cannot add certificate authorities"')


def _packages(config: Config, script: BootScript) -> None:
    names = []
    given = config.get("packages") or []
    for entry in given if isinstance(given, list) else strings(given):
        if isinstance(entry, dict):
            for tool, inner in entry.items():
                if tool == "snap":
                    script.warn("packages: snap is not supported and was left out")
                else:
                    names += strings(inner)
        elif isinstance(entry, list) and len(entry) == 2:
            names.append("=".join(scalar(word) or "" for word in entry))
        elif scalar(entry):
            names.append(str(entry))
    upgrade = config.get("package_upgrade", config.get("apt_upgrade"))
    if names or upgrade or config.get("package_update", config.get("apt_update")):
        script.word("packages", "update")
    if upgrade:
        script.word("packages", "upgrade")
    if names:
        script.word("packages", "install", *names)
    if config.get("package_reboot_if_required"):
        script.warn("package_reboot_if_required is not supported and was left out")


def power_state(config: Config, script: BootScript) -> None:
    """To be called at the very end: the change takes effect when the boot is over."""
    given = config.get("power_state")
    if not isinstance(given, dict) or given.get("condition") is False:
        return
    mode, delay = str(given.get("mode", "")), str(given.get("delay", "now"))
    if mode not in ("poweroff", "halt", "reboot") or not (delay == "now" or delay.lstrip("+").isdigit()):
        script.warn("power_state: its mode or delay is not known, so it was left out")
        return
    condition = given.get("condition")
    when = delay if delay == "now" else "+" + delay.lstrip("+")
    steps = f"shutdown {'-r' if mode == 'reboot' else '-P'} {when}"
    if isinstance(condition, str):
        steps = f"(cd / && sh -c {shlex.quote(condition)}) && {steps}"
    elif isinstance(condition, list):
        steps = f"(cd / && {' '.join(shlex.quote(text) for text in strings(condition))}) && {steps}"
    script.lines.append(steps)


def _deferred_files(config: Config, script: BootScript) -> None:
    _write_files(config, script, deferred=True)


MODULES: dict[str, Callable[[Config, BootScript], None]] = {
    "config_write_files": _write_files,
    "config_resolv_conf": _resolv_conf,
    "config_ca_certs": _authorities,
    "config_groups": _groups,
    "config_users": _users,
    "config_ssh": _default_user,
    "config_set_passwords": _passwords,
    "config_timezone": _timezone,
    "config_packages": _packages,
    "config_write_files_deferred": _deferred_files,
}
KNOWN = frozenset(
    {
        "write_files",
        "manage_resolv_conf",
        "resolv_conf",
        "ca_certs",
        "ca-certs",
        "groups",
        "users",
        "user",
        "password",
        "ssh_authorized_keys",
        "chpasswd",
        "timezone",
        "packages",
        "package_update",
        "package_upgrade",
        "package_reboot_if_required",
        "apt_update",
        "apt_upgrade",
        "power_state",
        "ssh_pwauth",
    }
)
