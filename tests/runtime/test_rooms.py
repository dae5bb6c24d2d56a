# SPDX-License-Identifier: Apache-2.0
"""What a service is made of is known before it starts."""

from __future__ import annotations

import subprocess
import sys

from samovar.runtime import SERVICES
from samovar.runtime.rooms import ROOMS


def test_the_rooms_of_every_service_are_known() -> None:
    assert {*ROOMS, "identity"} == set(SERVICES)


def test_an_engine_is_imported_without_the_load_balancers() -> None:
    program = (
        "import sys; from samovar.runtime.rooms import import_rooms; import_rooms({'engine'});"
        "sys.exit(any(name.startswith('samovar.loadbalancer') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
