# SPDX-License-Identifier: Apache-2.0
"""`make_url`."""

from __future__ import annotations

from urllib.parse import quote, urlencode, uses_netloc

from samovar.orchestration.templates.nodes import Function, FunctionProblem, Scope, resolve
from samovar.orchestration.templates.values import Value, find_unknown, shown, type_name

_PARTS = ("scheme", "username", "password", "host", "port", "path", "query", "fragment")


class MakeUrl(Function):
    """A URL from its parts; missing ones are left out."""

    __slots__ = ()

    def check(self) -> None:
        arguments = self.arguments
        if isinstance(arguments, Function):
            return
        if not isinstance(arguments, dict):
            raise FunctionProblem(
                f"make_url needs a map, not {type_name(arguments)}", f"Its keys are {', '.join(_PARTS)}"
            )
        try:
            _check_parts(arguments)
        except (ValueError, TypeError) as error:
            raise FunctionProblem(str(error), f"The keys are {', '.join(_PARTS)}") from None

    def compute(self, scope: Scope) -> Value:
        parts = resolve(self.arguments, scope)
        unknown = find_unknown(parts)
        if unknown:
            return unknown
        if not isinstance(parts, dict):
            raise TypeError(f"make_url needs a map, not {type_name(parts)}")
        _check_parts(parts)
        return _url(parts)


def _check_parts(parts: dict[str, Value]) -> None:
    for key in parts:
        if key not in _PARTS:
            raise ValueError(f'make_url has no part "{shown(key)}"')
    for key in _PARTS:
        value = parts.get(key)
        if key not in parts or isinstance(value, Function):
            continue
        if key == "port":
            _check_port(value)
        elif key == "query":
            if not isinstance(value, dict):
                raise TypeError(f"The query of make_url is a map, not {type_name(value)}")
            return
        elif not isinstance(value, str):
            raise TypeError(f"The {key} of make_url is a string, not {type_name(value)}")
        elif key == "scheme" and ":" in value:
            raise ValueError("The scheme of make_url contains no colon")


def _check_port(value: Value) -> None:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"The port of make_url is a number, not {shown(value)}") from None
    if not 0 < number <= 65535:
        raise ValueError(f"The port of make_url lies between 1 and 65535, not {shown(number)}")


def _url(parts: dict[str, Value]) -> str:
    host = parts.get("host") or ""
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    location = host
    if parts.get("port"):
        location += f":{parts['port']}"
    username, password = parts.get("username") or "", parts.get("password") or ""
    if username or password:
        user = quote(username, "") + (f":{quote(password, '')}" if password else "")
        location = f"{user}@{location}"
    fragment = parts.get("fragment") or ""
    if not isinstance(fragment, str):
        raise TypeError(f"The fragment of make_url is a string, not {type_name(fragment)}")
    query = urlencode(parts.get("query") or {}, safe="/")
    path = quote(parts.get("path") or "", "/")
    scheme = parts.get("scheme") or ""
    # Not urlunsplit: without a host its answer, and a stack's with it, differs between versions of Python.
    if location or (scheme and scheme in uses_netloc and not path.startswith("//")):
        path = f"//{location}{'/' if path and not path.startswith('/') else ''}{path}"
    return (scheme and f"{scheme}:") + path + (query and f"?{query}") + (fragment and f"#{quote(fragment)}")
