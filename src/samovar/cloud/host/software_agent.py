#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs inside servers of the local cloud: applies software deployments and tells their outputs.

It does what os-collect-config, os-refresh-config and heat-config's hooks do together, with Python's standard
library alone, so that any image with python3 can be deployed to. An image that brings os-collect-config keeps
its own.

    where to ask (cfn-init-data) ─▶ ask for the metadata ─▶ for each new deployment: hook ─▶ signal

A deployment is run once: its id and result are kept in /var/lib/heat-config before it is signalled, and a
signal that fails is sent again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

DATA = ("/var/lib/heat-cfntools/cfn-init-data", "/var/lib/cloud/data/cfn-init-data")
STATE = "/var/lib/heat-config"
RUN = "/run/heat-config"
PUPPET_STATE = ("/var/lib/puppet", "/var/cache/puppet")  # of Debian's package
CFN_INIT = "cfn-init"  # the image's own, or the one that was put beside this program
HOOKS = (f"{STATE}/hooks", "/usr/libexec/heat-config/hooks")
QUICK, SLOW = 0.25, 5.0
MOST_OUTPUT = 256 * 1024


def say(text: str) -> None:
    print(f"software-agent: {text}", flush=True)


# Asking


def http(
    method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[bytes, dict[str, str]]:
    """One request, around any proxy. Raises OSError."""
    request = urllib.request.Request(url, body, headers or {}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return answer.read(), {name.lower(): value for name, value in answer.headers.items()}


def from_cfn(section: dict[str, Any]) -> Any:
    """The metadata by DescribeStackResource, signed with the keys of the section (signature version 2)."""
    url = urllib.parse.urlsplit(section["metadata_url"])
    resource, _, _ = section["path"].partition(".")
    params = {
        "Action": "DescribeStackResource",
        "StackName": section["stack_name"],
        "LogicalResourceId": resource,
        "ContentType": "JSON",
        "AWSAccessKeyId": section["access_key_id"],
        "SignatureVersion": "2",
        "SignatureMethod": "HmacSHA256",
        "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    quoted = "&".join(
        f"{urllib.parse.quote(key, safe='-_.~')}={urllib.parse.quote(value, safe='-_.~')}"
        for key, value in sorted(params.items())
    )
    text = "\n".join(("POST", url.netloc.lower(), url.path or "/", quoted))
    code = hmac.new(section["secret_access_key"].encode(), text.encode(), hashlib.sha256).digest()
    params["Signature"] = base64.b64encode(code).decode()
    body, _ = http("POST", section["metadata_url"], urllib.parse.urlencode(params).encode())
    detail = json.loads(body)["DescribeStackResourceResponse"]["DescribeStackResourceResult"]
    return json.loads(detail["StackResourceDetail"]["Metadata"] or "{}")


def token_of(who: dict[str, Any]) -> str:
    """A token of a stack user."""
    user = {"id": who["user_id"], "password": who["password"]}
    wanted = {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"id": who["project_id"]}},
        }
    }
    url = who["auth_url"].rstrip("/")
    url = url if url.endswith("/v3") else url + "/v3"
    body = json.dumps(wanted).encode()
    _, headers = http("POST", f"{url}/auth/tokens", body, {"content-type": "application/json"})
    return headers["x-subject-token"]


def orchestration(who: dict[str, Any]) -> str:
    """Where the orchestration API is: beside Identity, as all APIs of the local cloud."""
    url = urllib.parse.urlsplit(who["auth_url"])
    return f"{url.scheme}://{url.netloc}/heat-api/v1/{who['project_id']}"


_tokens: dict[str, str] = {}


def as_user(method: str, who: dict[str, Any], path: str, body: bytes | None = None) -> bytes:
    """A request to the orchestration API as a stack user; the token is renewed when it is too old."""
    key = str(who["user_id"])
    for _ in range(2):
        if key not in _tokens:
            _tokens[key] = token_of(who)
        headers = {"x-auth-token": _tokens[key], "content-type": "application/json"}
        try:
            return http(method, orchestration(who) + path, body, headers)[0]
        except urllib.error.HTTPError as error:
            if error.code != 401:
                raise
            del _tokens[key]
    raise OSError("the token of the stack user is refused")


def from_heat(section: dict[str, Any]) -> Any:
    name = urllib.parse.quote(section["resource_name"], safe="")
    path = f"/stacks/{section['stack_id']}/resources/{name}/metadata"
    return json.loads(as_user("GET", section, path))["metadata"]


def from_url(section: dict[str, Any]) -> Any:
    return json.loads(http("GET", section["metadata_url"])[0])


COLLECTORS = {"cfn": from_cfn, "heat": from_heat, "request": from_url}


def collect(where: dict[str, Any]) -> Any:
    """The metadata from the first collector that can be asked. Raises OSError, ValueError, KeyError."""
    for name in where.get("collectors") or []:
        section = where.get(name)
        if name in COLLECTORS and section and all(value is not None for value in section.values()):
            return COLLECTORS[name](section)
    raise ValueError("none of the collectors can be asked")


# Running


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def inputs_of(config: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in config.get("inputs") or []}


def run(command: list[str], environment: dict[str, str], given: str = "") -> dict[str, Any]:
    """Run to the end; the predefined outputs."""
    try:
        done = subprocess.run(
            command, env=environment, input=given.encode(), capture_output=True, check=False, cwd="/"
        )
    except OSError as error:
        return {"deploy_stdout": "", "deploy_stderr": str(error), "deploy_status_code": 126}
    return {
        "deploy_stdout": done.stdout[-MOST_OUTPUT:].decode("utf-8", "replace"),
        "deploy_stderr": done.stderr[-MOST_OUTPUT:].decode("utf-8", "replace"),
        "deploy_status_code": done.returncode,
    }


def workplace(config: dict[str, Any], name: str, text: str) -> str:
    """The file of the configuration, for its owner alone."""
    folder = f"{STATE}/heat-config-{config['group'].replace('/', '_')}/{config['id']}"
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = f"{folder}/{name}"
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o700)
    return path


def outputs_from(config: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The declared outputs that were written to files beside the prefix."""
    found = {}
    for output in config.get("outputs") or []:
        try:
            with open(f"{prefix}.{output['name']}", errors="replace") as file:
                found[output["name"]] = file.read(MOST_OUTPUT).rstrip("\n")
        except OSError:
            pass
    return found


def outputs_prefix(config: dict[str, Any]) -> str:
    folder = f"{RUN}/heat-config-{config['group'].replace('/', '_')}"
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return f"{folder}/{config['id']}"


def script(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration is a program: inputs in its environment, outputs in files."""
    text = text_of(config.get("config"))
    path, prefix = workplace(config, "script", text), outputs_prefix(config)
    given = {name: text_of(value) for name, value in inputs_of(config).items() if usable(name)}
    command = [path] if text.startswith("#!") else ["/bin/sh", path]
    result = run(command, {**os.environ, **given, "heat_outputs_path": prefix})
    return {**result, **outputs_from(config, prefix)}


def usable(name: str) -> bool:
    """Whether the environment can hold a variable of this name."""
    return "=" not in name and "\0" not in name and bool(name)


def ansible(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration is a playbook for this machine: inputs are its variables."""
    if shutil.which("ansible-playbook") is None:
        return missing("ansible-playbook", "ansible")
    prefix = outputs_prefix(config)
    values = {**inputs_of(config), "heat_outputs_path": prefix}
    variables = workplace(config, "variables.json", json.dumps(values))
    playbook = workplace(config, "playbook.yaml", text_of(config.get("config")))
    options = config.get("options") or {}
    command = ["ansible-playbook", "-i", "localhost,", "--connection", "local", playbook]
    command += ["--extra-vars", f"@{variables}"]
    for option in ("tags", "skip_tags"):
        if options.get(option):
            command += ["--" + option.replace("_", "-"), str(options[option])]
    return {**run(command, dict(os.environ)), **outputs_from(config, prefix)}


def puppet(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration is a manifest: inputs are facts."""
    if shutil.which("puppet") is None:
        return missing("puppet", "puppet")
    prefix = outputs_prefix(config)
    facts = {f"FACTER_{name}": text_of(value) for name, value in inputs_of(config).items() if usable(name)}
    facts["FACTER_heat_outputs_path"] = prefix
    manifest = workplace(config, "manifest.pp", text_of(config.get("config")))
    for place in PUPPET_STATE:  # the host's own programs come without their state
        os.makedirs(place, exist_ok=True)
    command = ["puppet", "apply", "--detailed-exitcodes", "--color", "false", manifest]
    result = run(command, {**os.environ, **facts})
    if result["deploy_status_code"] == 2:  # it says: there were changes, and all went well
        result["deploy_status_code"] = 0
    return {**result, **outputs_from(config, prefix)}


def missing(program: str, group: str) -> dict[str, Any]:
    words = f"This server cannot deploy the group {group}: {program} is not installed in its image."
    return {"deploy_stdout": "", "deploy_stderr": words, "deploy_status_code": 127}


def cfn_init(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration is cfn-init metadata."""
    given = config.get("config")
    data = workplace(config, "metadata.json", given if isinstance(given, str) else json.dumps(given or {}))
    return run([CFN_INIT, "--data", data], dict(os.environ))


def nothing() -> dict[str, Any]:
    return {"deploy_stdout": "", "deploy_stderr": "", "deploy_status_code": 0}


HANDLERS = {
    "script": script,
    "ansible": ansible,
    "puppet": puppet,
    "cfn-init": cfn_init,
}
# Data for whoever reads them: nothing is run, and whoever uses them signals.
DATA_ONLY = ("Heat::Ungrouped", "os-apply-config", "apply-config")


def hook_of(group: str) -> str:
    """The image's own hook for a group, or ""."""
    for folder in HOOKS:
        path = os.path.join(folder, group)
        if "/" not in group and os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    return ""


def with_hook(path: str, config: dict[str, Any]) -> dict[str, Any]:
    """A heat-config hook: the deployment as JSON on its input, the outputs as JSON on its output."""
    result = run([path], dict(os.environ), json.dumps(config))
    if result["deploy_status_code"] != 0:
        return result
    try:
        said = json.loads(result["deploy_stdout"] or "{}")
        return said if isinstance(said, dict) else result
    except ValueError:
        return result


def deploy(config: dict[str, Any]) -> dict[str, Any] | None:
    """Apply one deployment; its outputs. None: it is not for an agent to apply, or to signal."""
    config = dict(config, group=config.get("group") or "Heat::Ungrouped")
    if config["group"] == "component":
        action = inputs_of(config).get("deploy_action")
        configs = (config.get("config") or {}).get("configs") or []
        chosen = next((each for each in configs if action in (each.get("actions") or ())), None)
        if chosen is None:
            return nothing()
        config.update(group=chosen["tool"], config=chosen.get("config"))
    hook = hook_of(config["group"])
    if hook:
        return with_hook(hook, config)
    if config["group"] in DATA_ONLY:
        return None
    handler = HANDLERS.get(config["group"])
    if handler is None:
        return missing(f"a hook for {config['group']}", config["group"])
    try:
        return handler(config)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, LookupError) as error:
        return {"deploy_stdout": "", "deploy_stderr": f"{error!r}", "deploy_status_code": 1}


# Telling


def signal(config: dict[str, Any], result: dict[str, Any], where: dict[str, Any]) -> None:
    """Tell the outputs the way the deployment asks for. Raises OSError."""
    inputs = inputs_of(config)
    transport = inputs.get("deploy_signal_transport")
    body = json.dumps(result).encode()
    url = inputs.get("deploy_signal_id")
    if transport == "HEAT_SIGNAL":
        who = {
            "auth_url": reachable(inputs["deploy_auth_url"], where),
            "user_id": inputs["deploy_user_id"],
            "password": inputs["deploy_password"],
            "project_id": inputs["deploy_project_id"],
        }
        name = urllib.parse.quote(inputs["deploy_resource_name"], safe="")
        as_user("POST", who, f"/stacks/{inputs['deploy_stack_id']}/resources/{name}/signal", body)
    elif url and transport != "NO_SIGNAL":
        method = inputs.get("deploy_signal_verb") or "POST"
        http(method, reachable(url, where), body, {"content-type": "application/json"})


def kept(identity: str) -> str:
    return f"{STATE}/deployed/{identity.replace('/', '_')}.json"


def keep(identity: str, what: dict[str, Any]) -> None:
    path = kept(identity)
    with open(f"{path}.new", "w") as file:
        json.dump(what, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.new", path)


def known(identity: str) -> dict[str, Any] | None:
    try:
        with open(kept(identity)) as file:
            found = json.load(file)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def reachable(url: str, where: dict[str, Any]) -> str:
    """The URL; when it means loopback, that of the cloud's own machine, then by our way to the cloud."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if not (host.startswith("127.") or host in ("localhost", "::1")):
        return url
    section = where.get((where.get("collectors") or [""])[0]) or {}
    way = urllib.parse.urlsplit(section.get("metadata_url") or section.get("auth_url") or url)
    return urllib.parse.urlunsplit((way.scheme, way.netloc, parts.path, parts.query, ""))


def attend(config: dict[str, Any], where: dict[str, Any]) -> bool:
    """Run a deployment if it is new, signal it if that is still to do; whether there was anything to do."""
    identity = str(config["id"])
    state = known(identity)
    if state is not None and state.get("told"):
        return False
    if state is None or "result" not in state:
        say(f"deploying {config.get('name')} ({config.get('group')})")
        result = deploy(config)
        if result is None:
            say(f"{config.get('name')} is data only: whoever uses it signals")
            keep(identity, {"told": True})
            return True
        state = {"result": result}
        keep(identity, state)
        say(f"{config.get('name')} ended with status {result.get('deploy_status_code')}")
    try:
        signal(config, state["result"], where)
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise
        say(f"the signal of {config.get('name')} is refused: {error}")
    keep(identity, {**state, "told": True})
    return True


def where_to_ask() -> dict[str, Any]:
    """What the user data said about collectors; {}: there are none."""
    for path in DATA:
        try:
            with open(path) as file:
                found = json.load(file).get("os-collect-config")
        except (OSError, ValueError, AttributeError):
            continue
        if found:
            return dict(found)
    return {}


def main() -> int:
    where = where_to_ask()
    if not where:
        return 0
    os.makedirs(f"{STATE}/deployed", mode=0o700, exist_ok=True)
    os.makedirs(RUN, mode=0o700, exist_ok=True)
    pause, trouble = QUICK, ""
    while True:
        busy = False
        try:
            metadata = collect(where)
            for config in metadata.get("deployments") or []:
                busy = attend(config, where) or busy
            where = metadata.get("os-collect-config") or where
            trouble = ""
        except (OSError, ValueError, KeyError) as error:
            if str(error) != trouble:
                trouble = str(error)
                say(f"cannot ask or tell at the moment: {trouble}")
        pause = QUICK if busy else min(SLOW, pause * 1.1)
        time.sleep(pause)


if __name__ == "__main__":
    sys.exit(main())
