# SPDX-License-Identifier: Apache-2.0
"""Configuration: read once into typed objects that are passed down."""

from .amphora import AmphoraSettings
from .coordination import CoordinationSettings
from .keystone import CacheSettings, KeystoneSettings
from .listening import DOORS, Door, Listening, ListenSettings, ServiceSettings
from .loadbalancer import LoadBalancerSettings
from .messaging import MessagingSettings
from .observability import ObservabilitySettings
from .options import OptionsError, Section, read_files
from .sample import Described, options, sample
from .settings import (
    ApiSettings,
    DatabaseSettings,
    EngineSettings,
    IdentitySettings,
    KeyManagerSettings,
    NetworkSettings,
    PolicySettings,
    Settings,
    load,
)

__all__ = [
    "DOORS",
    "AmphoraSettings",
    "ApiSettings",
    "CacheSettings",
    "CoordinationSettings",
    "DatabaseSettings",
    "Described",
    "Door",
    "EngineSettings",
    "IdentitySettings",
    "KeyManagerSettings",
    "KeystoneSettings",
    "ListenSettings",
    "Listening",
    "LoadBalancerSettings",
    "MessagingSettings",
    "NetworkSettings",
    "ObservabilitySettings",
    "OptionsError",
    "PolicySettings",
    "Section",
    "ServiceSettings",
    "Settings",
    "load",
    "options",
    "read_files",
    "sample",
]
