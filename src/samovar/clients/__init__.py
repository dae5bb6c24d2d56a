# SPDX-License-Identifier: Apache-2.0
"""Async clients of OpenStack clouds: credentials, catalog, requests, errors in the cloud's own words."""

from .cloud import Answer, Cloud, segment
from .credentials import (
    ApplicationCredential,
    Credentials,
    PasswordCredentials,
    TokenCredentials,
    TrustCredentials,
)
from .errors import CloudError, CloudUnreachable, ServiceNotInCatalog, is_down
from .event_stream import NoEventStream, ServerEvent, event_stream
from .finishing import to_its_end
from .keystone import KeystoneValidator
from .transport import Http, InProcess, RawAnswer, Transport

__all__ = [
    "Answer",
    "ApplicationCredential",
    "Cloud",
    "CloudError",
    "CloudUnreachable",
    "Credentials",
    "Http",
    "InProcess",
    "KeystoneValidator",
    "NoEventStream",
    "PasswordCredentials",
    "RawAnswer",
    "ServerEvent",
    "ServiceNotInCatalog",
    "TokenCredentials",
    "Transport",
    "TrustCredentials",
    "event_stream",
    "is_down",
    "segment",
    "to_its_end",
]
