# SPDX-License-Identifier: Apache-2.0
"""Which cloud a command is about: one of clouds.yaml, or the one that runs here.

--os-cloud NAME ─▶ OS_CLOUD ─▶ the cloud of the state directory ─▶ OS_AUTH_URL and its like
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from samovar.clients import (
    ApplicationCredential,
    Cloud,
    Credentials,
    Http,
    PasswordCredentials,
    TokenCredentials,
)

from .clouds_file import default_path
from .main import CommandError
from .session import Orchestration, local_cloud
from .state_directory import StateDirectory

OURS = ("samovar", "samovar-admin")
PASSWORD_KEYS = (
    "username",
    "user_id",
    "user_domain_id",
    "user_domain_name",
    "project_id",
    "project_name",
    "project_domain_id",
    "project_domain_name",
    "domain_id",
)


def session(options: argparse.Namespace) -> Orchestration:
    """The chosen cloud's orchestration API. Raises CommandError."""
    return Orchestration(cloud=chosen(options))


def chosen(options: argparse.Namespace) -> Cloud:
    """The way into the chosen cloud. Raises CommandError."""
    if options.os_cloud:
        return _of_file(options.os_cloud)
    named = os.environ.get("OS_CLOUD", "")
    if named and named not in OURS:
        return _of_file(named)
    state = StateDirectory(options.state_dir)
    running = state.running() if state.exists() else None
    if running is not None and named != "samovar-admin":
        return local_cloud(state, running)
    if named:
        return _of_file(named)
    if os.environ.get("OS_AUTH_URL"):
        return _of_environment()
    raise CommandError(
        "no cloud runs here: start one with 'samovar up', or name one of clouds.yaml with --os-cloud"
    )


def _of_file(name: str) -> Cloud:
    places = [default_path(), Path("clouds.yaml"), Path("/etc/openstack/clouds.yaml")]
    for path in places:
        try:
            content = yaml.safe_load(path.read_text())
        except OSError:
            continue
        except yaml.YAMLError as error:
            raise CommandError(f"{path} is not YAML: {error}") from error
        clouds = content.get("clouds") if isinstance(content, dict) else None
        if isinstance(clouds, dict) and isinstance(clouds.get(name), dict):
            return _of_entry(name, clouds[name])
    raise CommandError(f"there is no cloud {name!r} in {', '.join(str(path) for path in places)}")


def _of_entry(name: str, entry: Mapping[str, Any]) -> Cloud:
    auth = dict(entry.get("auth") or {})
    auth_url = auth.pop("auth_url", None)
    if not auth_url:
        raise CommandError(f"the cloud {name!r} of clouds.yaml has no auth_url")
    verify = entry.get("verify", not entry.get("insecure", False))
    return Cloud(
        _version_3(str(auth_url)),
        _credentials(str(entry.get("auth_type") or "password"), auth, name),
        transport=Http(verify=bool(verify), ca_file=entry.get("cacert")),
        region_name=entry.get("region_name"),
        interface=str(entry.get("interface") or "public"),
    )


def _of_environment() -> Cloud:
    given = {name.removeprefix("OS_").lower(): value for name, value in os.environ.items() if value}
    return Cloud(
        _version_3(os.environ["OS_AUTH_URL"]),
        _credentials(os.environ.get("OS_AUTH_TYPE", "password"), given, "of the environment"),
        transport=Http(verify=not given.get("insecure"), ca_file=os.environ.get("OS_CACERT")),
        region_name=os.environ.get("OS_REGION_NAME"),
        interface=os.environ.get("OS_INTERFACE", "public"),
    )


def _credentials(kind: str, auth: Mapping[str, Any], name: str) -> Credentials:
    try:
        match kind.removeprefix("v3"):
            case "password":
                named: dict[str, Any] = {key: str(auth[key]) for key in PASSWORD_KEYS if auth.get(key)}
                return PasswordCredentials(str(auth["password"]), **named)
            case "applicationcredential":
                return ApplicationCredential(
                    auth["application_credential_id"], auth["application_credential_secret"]
                )
            case "token":
                return TokenCredentials(auth["token"])
    except (KeyError, TypeError) as error:
        raise CommandError(f"the cloud {name!r} lacks {error} to authenticate with") from error
    raise CommandError(f"the auth_type {kind!r} of the cloud {name!r} is not one of those known here")


def _version_3(url: str) -> str:
    url = url.rstrip("/")
    return url if url.endswith("/v3") else f"{url}/v3"
