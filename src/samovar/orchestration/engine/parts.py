# SPDX-License-Identifier: Apache-2.0
"""What every operation of one engine shares."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

from samovar.clients import PasswordCredentials
from samovar.config import Settings
from samovar.database import Database
from samovar.messaging import Bus
from samovar.orchestration.resources.behaviour import Behaviour
from samovar.orchestration.resources.behaviours import behaviour_of
from samovar.orchestration.resources.chosen_defaults import CHOICES
from samovar.orchestration.resources.registry import use_defaults
from samovar.orchestration.templates.nodes import Sandbox

from .deferred import CloudFor
from .definitions import Definition, weight
from .limits import ServiceLimits
from .sandbox import ProcessSandbox
from .vault import Vault

T = TypeVar("T")
REMEMBERED = 20_000
"""How much is remembered of definitions: their resources and kilobytes of files, each one at least 20."""


@dataclass(slots=True)
class Parts:
    """The database, the bus, the settings, the ways into clouds; handed to whoever does the work.

    `settle_seconds`: how long a cloud may still work on a request whose sender has died or hung up.
    `endpoint` is the public URL of the native API without version, ``http://127.0.0.1:9090/heat-api``;
    `cfn_endpoint` that of the CloudFormation API; `auth_url` Identity's. `inside`: how servers of the local
    cloud reach each of these, ``{"http://a:8004": "http://169.254.169.254/heat-api"}``.
    """

    database: Database
    bus: Bus
    settings: Settings
    vault: Vault
    cloud_for: CloudFor
    trustee: PasswordCredentials | None = None
    stack_domain_admin: PasswordCredentials | None = None
    stack_domain_id: str = ""
    endpoint: str = ""
    cfn_endpoint: str = ""
    auth_url: str = ""
    inside: Mapping[str, str] = field(default_factory=dict)
    settle_seconds: float = 10.0
    behaviour_of: Callable[[str], Behaviour] = behaviour_of
    limits: ServiceLimits = field(init=False)
    sandbox: Sandbox = field(default_factory=ProcessSandbox)  # its process starts with the first need
    _read: OrderedDict[str, _Read] = field(default_factory=OrderedDict)
    _weight: int = 0
    _reading: Lock = field(default_factory=Lock)  # big templates are read in threads

    def __post_init__(self) -> None:
        engine = self.settings.engine
        self.limits = ServiceLimits(engine.cloud_limits)
        use_defaults({option: getattr(engine, option) for option in CHOICES})

    def remember(self, definition: Definition, read: Callable[[], T]) -> T:
        """What `read` makes of a definition, kept while it is among those that were used last."""
        with self._reading:
            found = self._read.get(definition.id)
            if found is not None:
                self._read.move_to_end(definition.id)
                known: T = found.made
                return known
        made = read()
        with self._reading:
            if definition.id not in self._read:
                self._read[definition.id] = fresh = _Read(definition, made, weight(definition))
                self._weight += fresh.weight
            while self._weight > REMEMBERED and len(self._read) > 1:
                self._weight -= self._read.popitem(last=False)[1].weight
        return made

    def remembered(self, definition_id: str) -> Definition | None:
        """A definition that was read lately; it never changes, and whoever gets it changes nothing in it."""
        found = self._read.get(definition_id)
        return found.definition if found is not None else None


@dataclass(frozen=True, slots=True)
class _Read:
    definition: Definition
    made: Any
    weight: int
