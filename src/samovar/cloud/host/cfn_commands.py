#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs inside servers of the local cloud: `cfn-init` and `cfn-signal`, as CloudFormation templates call them.

With Python's standard library alone; an image that brings these commands keeps its own. cfn-init applies the
resource's metadata, which came with the server's user data; cfn-signal tells a wait condition.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

DATA = ("/var/lib/heat-cfntools/cfn-init-data", "/var/lib/cloud/data/cfn-init-data")
INIT = "AWS::CloudFormation::Init"
KNOWN = {"files", "commands"}
MOST_TRIES, PAUSE = 5, 2.0


class Refused(Exception):
    """The metadata asks for what cannot be done here."""


# cfn-init


def metadata() -> dict[str, Any]:
    """What the user data brought. Raises Refused."""
    for path in DATA:
        try:
            with open(path) as file:
                return dict(json.load(file))
        except FileNotFoundError:
            continue
    raise Refused(f"there is no metadata for this server in {DATA[0]}")


def chosen(given: dict[str, Any], names: list[str]) -> list[dict[str, Any]]:
    """The configurations to apply, in order: of these sets, or of the set `default`, or the one `config`."""
    init = given.get(INIT) or given
    sets = init.get("configSets") or {}
    if not names and "default" in sets:
        names = ["default"]
    if not names:
        return [init["config"]] if "config" in init else []
    for name in names:
        if name not in sets:
            raise Refused(f"the metadata has no config set {name}")
    keys = [key for name in names for key in sets[name]]
    for key in keys:
        if not isinstance(key, str) or key not in init:
            raise Refused(f"the metadata has no configuration {key}")
    return [init[key] for key in keys]


def apply(config: dict[str, Any]) -> int:
    """Write the files, run the commands in the order of their names; the status that counts."""
    foreign = sorted(key for key in set(config) - KNOWN if config[key])
    if foreign:
        raise Refused(f"this server's cfn-init knows files and commands, not {', '.join(foreign)}")
    for path, file in (config.get("files") or {}).items():
        write(path, file)
    for name in sorted(config.get("commands") or {}):
        command = config["commands"][name]
        place = command.get("cwd") or "/"
        given = {key: text_of(value) for key, value in (command.get("env") or {}).items()}
        environment = {**os.environ, **given}
        if command.get("test") and call(command["test"], place, environment) != 0:
            continue
        status = call(command["command"], place, environment)
        if status != 0 and str(command.get("ignoreErrors", "false")).lower() != "true":
            return status
    return 0


def call(line: Any, place: str, environment: dict[str, str]) -> int:
    command = line if isinstance(line, list) else ["/bin/sh", "-c", line]
    return subprocess.run(command, cwd=place, env=environment, check=False).returncode


def write(path: str, file: dict[str, Any]) -> None:
    """One file: its content as text, base64 or JSON, or from a URL."""
    if file.get("source"):
        with urllib.request.urlopen(file["source"], timeout=60) as answer:
            data = answer.read()
    else:
        content = text_of(file.get("content"))
        data = base64.b64decode(content) if file.get("encoding") == "base64" else content.encode()
    os.makedirs(os.path.dirname(path) or "/", exist_ok=True)
    with open(path, "wb") as out:
        out.write(data)
    os.chmod(path, int(str(file.get("mode") or "000644"), 8) & 0o7777)
    if file.get("owner") or file.get("group"):
        shutil.chown(path, file.get("owner") or -1, file.get("group") or -1)


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def init(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="cfn-init", description="Apply the metadata of this server.")
    parser.add_argument("-c", "--configsets", default="", help="names of config sets, with commas")
    parser.add_argument("--data", help="the metadata in this file, in place of the server's")
    for option in ("-s/--stack", "-r/--resource", "--region", "--access-key", "--secret-key", "--url"):
        parser.add_argument(*option.split("/"), help="taken and not needed: the metadata is here")
    parser.add_argument("--credential-file", "-f", help="the same")
    parser.add_argument("-v", "--verbose", action="store_true", help="the same")
    given = parser.parse_args(arguments)
    try:
        if given.data:
            with open(given.data) as file:
                found = json.load(file)
        else:
            found = metadata()
        status = 0
        for config in chosen(found, [name for name in given.configsets.split(",") if name]):
            status = status or apply(config)
        return status
    except (Refused, OSError, ValueError, KeyError, TypeError, AttributeError, LookupError) as error:
        print(f"cfn-init: {error if isinstance(error, (Refused, OSError)) else repr(error)}", file=sys.stderr)
        return 1


# cfn-signal


def signal(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="cfn-signal", description="Tell a wait condition how it went.")
    parser.add_argument("-s", "--success", choices=("true", "false"), help="how it went")
    parser.add_argument("-e", "--exit-code", type=int, help="the same, as a program's exit status")
    parser.add_argument("-r", "--reason", default="", help="why")
    parser.add_argument("-d", "--data", default="", help="what the condition's Data attribute is to say")
    parser.add_argument("-i", "--id", default="00000", help="tells this signal from others")
    parser.add_argument("-k", "--insecure", action="store_true", help="do not check the certificate")
    parser.add_argument("url", help="of the wait condition's handle")
    given = parser.parse_args(arguments)
    well = given.exit_code == 0 if given.exit_code is not None else given.success != "false"
    body = {
        "Status": "SUCCESS" if well else "FAILURE",
        "Reason": given.reason or f"Configuration {'Complete' if well else 'Failed'}",
        "Data": given.data,
        "UniqueId": given.id,
    }
    try:
        put(given.url, json.dumps(body).encode(), given.insecure)
    except (OSError, ValueError) as error:
        print(f"cfn-signal: {error}", file=sys.stderr)
        return 1
    return 0


def put(url: str, body: bytes, insecure: bool) -> None:
    """Send it, around any proxy, again while nobody answers. Raises OSError."""
    import ssl
    import time

    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if insecure:
        handlers.append(urllib.request.HTTPSHandler(context=ssl._create_unverified_context()))
    opener = urllib.request.build_opener(*handlers)
    for left in reversed(range(MOST_TRIES)):
        request = urllib.request.Request(url, body, {"content-type": "application/json"}, method="PUT")
        try:
            opener.open(request, timeout=30).close()
            return
        except urllib.error.HTTPError as error:
            if error.code < 500 or not left:
                raise
        except OSError:
            if not left:
                raise
        time.sleep(PAUSE)


COMMANDS = {"cfn-init": init, "cfn-signal": signal}


if __name__ == "__main__":
    sys.exit(COMMANDS[os.path.basename(sys.argv[0])](sys.argv[1:]))
