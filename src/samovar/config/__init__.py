# SPDX-License-Identifier: Apache-2.0
"""Configuration: read once into typed objects that are passed down."""

from .amphora import AmphoraSettings
from .loadbalancer import LoadBalancerSettings
from .messaging import MessagingSettings
from .options import OptionsError, Section, read_files
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
    "AmphoraSettings",
    "ApiSettings",
    "DatabaseSettings",
    "EngineSettings",
    "IdentitySettings",
    "KeyManagerSettings",
    "LoadBalancerSettings",
    "MessagingSettings",
    "NetworkSettings",
    "OptionsError",
    "PolicySettings",
    "Section",
    "Settings",
    "load",
    "read_files",
]
