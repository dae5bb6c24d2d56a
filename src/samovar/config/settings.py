# SPDX-License-Identifier: Apache-2.0
"""The options of the program, under the names that heat.conf, neutron.conf and their like give them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .amphora import AmphoraSettings
from .coordination import CoordinationSettings
from .keystone import CacheSettings, KeystoneSettings
from .listening import DOORS, Listening, ListenSettings, ServiceSettings
from .loadbalancer import LoadBalancerSettings
from .messaging import MessagingSettings
from .observability import ObservabilitySettings
from .options import fill, option, read_files
from .unread import unread


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    connection: str | None = option(
        None,
        section="database",
        help="SQLAlchemy URL of the database; empty: SQLite in the state directory",
        old=("DEFAULT/sql_connection", "database/sql_connection", "DATABASE/sql_connection"),
    )
    max_pool_size: int = option(
        5,
        section="database",
        help="Connections that a process reads with (a server's database)",
        least=1,
        old=("DEFAULT/sql_max_pool_size", "DATABASE/sql_max_pool_size"),
    )
    connection_recycle_time: int = option(
        3600,
        section="database",
        help="Seconds after which a connection is replaced",
        old=("DEFAULT/sql_idle_timeout", "DATABASE/sql_idle_timeout", "database/idle_timeout"),
    )
    patience: float = option(
        10.0,
        section="samovar",
        name="database_patience",
        help="Seconds for which a change waits for a database that is away before it is refused (503)",
    )
    mysql_wsrep_sync_wait: int | None = option(
        None,
        section="database",
        help="Galera: what waits until this node has all that others committed (1: reads); empty: nothing",
    )


@dataclass(frozen=True, slots=True)
class ApiSettings:
    bind_host: str = option("127.0.0.1", section="samovar", help="Address that the APIs listen on")
    bind_port: int = option(9090, section="samovar", help="Port that all the APIs share")
    public_host: str | None = option(
        None, section="samovar", help="Host name in the catalog; empty: bind_host", name="public_host"
    )
    max_json_body_size: int = option(1_048_576, section="DEFAULT", help="Largest request body in bytes")


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    token_expiration: int = option(
        3600 * 12, section="token", name="expiration", help="Seconds that a token is good for"
    )
    region_name: str = option("RegionOne", section="DEFAULT", name="region_name_for_services", help="Region")


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    external_cidr: str = option(
        "172.24.4.0/24", section="samovar", help="Addresses of the external network, reachable from the host"
    )
    egress: bool = option(
        False, section="samovar", help="Let servers reach beyond this machine (masquerading)"
    )
    mtu: int = option(1500, section="DEFAULT", name="global_physnet_mtu", help="MTU of tenant networks")
    dns_nameservers: list[str] = option([], section="samovar", help="Name servers that servers are given")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    num_engine_workers: int = option(
        64, section="DEFAULT", help="Operations that one engine runs at once", least=1
    )
    cloud_limits: list[str] = option(
        ["nova:16", "neutron:32", "glance:4", "cinder:8", "octavia:8", "*:16"],
        section="samovar",
        help="Requests that all engines together have under way at once at a cloud's service, by its name; "
        "*: each of the others",
    )
    stack_action_timeout: int = option(
        3600, section="DEFAULT", help="Seconds a stack action may take", least=1
    )
    max_template_size: int = option(524_288, section="DEFAULT", help="Largest template in characters")
    max_resources_per_stack: int = option(1000, section="DEFAULT", help="Resources of a stack tree; -1: any")
    max_stacks_per_tenant: int = option(512, section="DEFAULT", help="Root stacks of a project; -1: any")
    max_nested_stack_depth: int = option(5, section="DEFAULT", help="Levels of nested stacks")
    enable_stack_abandon: bool = option(False, section="DEFAULT", help="Let stacks be exported and abandoned")
    enable_stack_adopt: bool = option(
        False, section="DEFAULT", help="Let stacks be made of the objects of exported ones"
    )
    max_snapshots_per_stack: int = option(32, section="DEFAULT", help="Snapshots of a stack; -1: any")
    max_events_per_stack: int = option(1000, section="DEFAULT", help="Events kept for each stack")
    event_purge_batch_size: int = option(
        200, section="DEFAULT", help="Events written before a busy stack's oldest are looked at"
    )
    max_operations_per_stack: int = option(
        100, section="samovar", help="Operations kept of each stack for its history; -1: all"
    )
    purge_deleted_after: float = option(
        30 * 86400.0, section="samovar", help="Seconds after which a deleted stack is forgotten; -1: never"
    )
    purge_interval: float = option(
        3600.0, section="samovar", help="Seconds between two looks for what is to be forgotten", least=0.1
    )
    max_revisions_per_stack: int = option(
        10, section="samovar", help="Definitions kept of each stack for its history; -1: all"
    )
    default_software_config_transport: str = option(
        "POLL_SERVER_CFN", section="DEFAULT", help="How servers get their software configuration"
    )
    default_deployment_signal_transport: str = option(
        "CFN_SIGNAL", section="DEFAULT", help="How servers tell the outputs of deployments"
    )
    default_user_data_format: str = option(
        "HEAT_CFNTOOLS", section="DEFAULT", help="What the user data of servers are made into"
    )
    observe_on_update: bool = option(
        False, section="DEFAULT", help="Compare with what the cloud has before each update"
    )
    hidden_stack_tags: list[str] = option(
        [], section="DEFAULT", help="Stacks with one of these tags are listed only when asked for"
    )
    lease_seconds: float = option(
        10.0, section="samovar", help="Seconds after which a silent engine's work is taken over", least=0.1
    )
    heat_metadata_server_url: str | None = option(
        None, section="DEFAULT", help="URL of the CloudFormation API that agents in servers ask for metadata"
    )
    heat_waitcondition_server_url: str | None = option(
        None, section="DEFAULT", help="URL that servers signal wait conditions at (…/v1/waitcondition)"
    )
    template_fetch_timeout: int = option(60, section="DEFAULT", help="Seconds to fetch a template by URL")
    template_fetch_private: bool = option(
        False, section="samovar", help="Fetch templates from private addresses, too"
    )
    auth_encryption_key: str | None = option(
        None,
        section="DEFAULT",
        help="Key that secrets are encrypted with; empty: made and kept in the state directory",
    )


@dataclass(frozen=True, slots=True)
class KeyManagerSettings:
    kek: list[str] = option(
        [],
        section="simple_crypto_plugin",
        help="Keys of 32 bytes in base64 that payloads are encrypted with: the first seals, all open; "
        "may be given several times; none: made and kept in the state directory",
    )


@dataclass(frozen=True, slots=True)
class PolicySettings:
    enforce_new_defaults: bool = option(
        False,
        section="oslo_policy",
        help="In load balancing only Keystone's roles count; the load-balancer_* roles give nothing",
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a process is told, and the directory in which it keeps what must outlive it."""

    state_dir: Path
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    api: ApiSettings = field(default_factory=ApiSettings)
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    services: ServiceSettings = field(default_factory=ServiceSettings)
    listening: Listening = field(default_factory=Listening)
    messaging: MessagingSettings = field(default_factory=MessagingSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    loadbalancer: LoadBalancerSettings = field(default_factory=LoadBalancerSettings)
    amphora: AmphoraSettings = field(default_factory=AmphoraSettings)
    key_manager: KeyManagerSettings = field(default_factory=KeyManagerSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    coordination: CoordinationSettings = field(default_factory=CoordinationSettings)
    observability: ObservabilitySettings = field(default_factory=ObservabilitySettings)
    keystone: KeystoneSettings = field(default_factory=KeystoneSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    policy_file: Path | None = None
    misspelled: tuple[str, ...] = ()
    not_known: tuple[str, ...] = ()

    @property
    def database_url(self) -> str:
        return self.database.connection or f"sqlite:///{self.state_dir / 'samovar.db'}"


def load(state_dir: Path, files: Iterable[Path] = ()) -> Settings:
    """The settings of this state directory as the configuration files give them. Raises OptionsError."""
    files = tuple(files)
    sections = read_files(files) if files else {}
    policy_file = sections.get("oslo_policy", {}).get("policy_file")
    keys = sections.get("simple_crypto_plugin", {}).get("kek", [])
    misspelled, not_known = unread(sections, _known()) if sections else ([], [])
    return Settings(
        state_dir=state_dir,
        database=fill(DatabaseSettings, sections),
        api=fill(ApiSettings, sections),
        identity=fill(IdentitySettings, sections),
        network=fill(NetworkSettings, sections),
        services=fill(ServiceSettings, sections),
        listening=Listening(
            {
                name: fill(ListenSettings, sections, section=door.section, older=door.old)
                for name, door in DOORS.items()
            }
        ),
        messaging=fill(MessagingSettings, sections),
        engine=fill(EngineSettings, sections),
        loadbalancer=fill(LoadBalancerSettings, sections),
        amphora=fill(AmphoraSettings, sections),
        key_manager=KeyManagerSettings(
            [key.strip() for line in keys for key in line.split(",") if key.strip()]
        ),
        coordination=fill(CoordinationSettings, sections),
        policy=fill(PolicySettings, sections),
        observability=fill(ObservabilitySettings, sections),
        keystone=fill(KeystoneSettings, sections),
        cache=fill(CacheSettings, sections),
        policy_file=Path(policy_file[-1]) if policy_file else None,
        misspelled=tuple(misspelled),
        not_known=tuple(not_known),
    )


def _known() -> Iterator[str]:
    """section/option of every option under each of its spellings."""
    from .sample import options  # it describes what is declared above

    for one in options():
        yield f"{one.section}/{one.name}"
        yield from one.old
