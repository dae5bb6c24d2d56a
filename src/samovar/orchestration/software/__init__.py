# SPDX-License-Identifier: Apache-2.0
"""Software configs and deployments: their tables and the questions asked of them."""

from .metadata import COLLECT_KEY, server_metadata
from .records import (
    ConfigInUse,
    Invalid,
    config_of,
    delete_config,
    deployed_configs,
    deployment_shown,
    find_config,
    find_deployment,
    full_config,
    insert_config,
    insert_deployment,
)
from .tables import software_configs, software_deployments

__all__ = [
    "COLLECT_KEY",
    "ConfigInUse",
    "Invalid",
    "config_of",
    "delete_config",
    "deployed_configs",
    "deployment_shown",
    "find_config",
    "find_deployment",
    "full_config",
    "insert_config",
    "insert_deployment",
    "server_metadata",
    "software_configs",
    "software_deployments",
]
