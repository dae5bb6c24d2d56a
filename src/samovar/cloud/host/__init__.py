# SPDX-License-Identifier: Apache-2.0
"""The privileged host agent and its client: the only code that touches the kernel."""

from samovar.cloud.host.client import HostClient
from samovar.cloud.host.errors import HostError
from samovar.cloud.host.launch import launch

__all__ = ["HostClient", "HostError", "launch"]
