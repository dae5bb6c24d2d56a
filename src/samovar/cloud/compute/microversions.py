# SPDX-License-Identifier: Apache-2.0
"""Microversions: which shape of the API a client asks for.

A client sends ``OpenStack-API-Version: compute 2.79`` (since 2.27) or ``X-OpenStack-Nova-API-Version:
2.79``; without either it gets 2.1. Source: Nova API guide, "Microversions".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.datastructures import Headers

from samovar.web import BadRequest, Call, Fault

Version = tuple[int, int]
MINIMUM: Version = (2, 1)
MAXIMUM: Version = (2, 96)
FORM = re.compile(r"^([1-9]\d*)\.([1-9]\d*|0)$")


def written(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def parse(text: str) -> Version:
    """The version that a header names. Raises BadRequest for nonsense, a 406 for one out of range."""
    if text == "latest":
        return MAXIMUM
    match = FORM.match(text)
    if match is None:
        raise BadRequest(
            f"API Version String {text} is of invalid format. Must be of format MajorNum.MinorNum."
        )
    version = (int(match[1]), int(match[2]))
    if not MINIMUM <= version <= MAXIMUM:
        raise Fault(
            f"Version {text} is not supported by the API. Minimum is {written(MINIMUM)} "
            f"and maximum is {written(MAXIMUM)}.",
            status=406,
            type="NotAcceptable",
        )
    return version


def asked(headers: Headers) -> str | None:
    """What the headers say, unparsed; None when they say nothing."""
    for value in headers.getlist("openstack-api-version"):
        for part in value.split(","):
            service, _, version = part.strip().partition(" ")
            if service.lower() == "compute" and version:
                return version.strip()
    return headers.get("x-openstack-nova-api-version")


def negotiate(call: Call) -> Version:
    text = asked(call.request.headers)
    return MINIMUM if text is None else parse(text.strip())


def headers_for(call: Call) -> Mapping[str, str]:
    """The headers of the answer that tell which version was used."""
    try:
        version = negotiate(call)
    except Fault:
        version = MINIMUM
    return answered(version)


def answered(version: Version) -> Mapping[str, str]:
    return {
        "openstack-api-version": f"compute {written(version)}",
        "x-openstack-nova-api-version": written(version),
        "vary": "OpenStack-API-Version, X-OpenStack-Nova-API-Version",
    }
