# SPDX-License-Identifier: Apache-2.0
"""What every operation of one engine shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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
from .limits import ServiceLimits
from .remembered import Remembered
from .sandbox import ProcessSandbox
from .tree_limit import TreeLimit
from .vault import Vault


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
    memory: Remembered = field(default_factory=Remembered)
    tree_limit: TreeLimit = field(default_factory=TreeLimit)

    def __post_init__(self) -> None:
        engine = self.settings.engine
        self.limits = ServiceLimits(engine.cloud_limits)
        use_defaults({option: getattr(engine, option) for option in CHOICES})
