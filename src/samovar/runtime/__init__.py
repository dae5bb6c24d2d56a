# SPDX-License-Identifier: Apache-2.0
"""A process is a list of services; this room composes and serves them."""

from .embedded import FIELD_NAMES, SERVICES, StartError
from .host_agent import remove_from_machine
from .process import serve
from .units import units

__all__ = ["FIELD_NAMES", "SERVICES", "StartError", "remove_from_machine", "serve", "units"]
