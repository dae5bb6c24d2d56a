# SPDX-License-Identifier: Apache-2.0
"""Whom tokens are checked with, and where what is known of them is remembered."""

from __future__ import annotations

from dataclasses import dataclass

from .options import option


def _auth(name: str, help: str, *older: str, default: str | None = None) -> str | None:
    """An option of [keystone_authtoken], also found in [service_auth] as Octavia's file has it."""
    found: str | None = option(
        default,
        section="keystone_authtoken",
        name=name,
        help=help,
        old=(*(f"keystone_authtoken/{old}" for old in older), f"service_auth/{name}"),
    )
    return found


@dataclass(frozen=True, slots=True)
class KeystoneSettings:
    """A user of the cloud that tokens are checked with. Without `username`: by our own database."""

    username: str | None = _auth("username", "Service user; empty: our own identity service", "admin_user")
    password: str | None = _auth("password", "Its password", "admin_password")
    user_domain_id: str | None = _auth("user_domain_id", "Its domain")
    user_domain_name: str | None = _auth("user_domain_name", "Its domain, by name")
    project_id: str | None = _auth("project_id", "The project that it acts on")
    project_name: str | None = _auth(
        "project_name", "The same by name", "admin_tenant_name", "tenant_name", default="service"
    )
    project_domain_id: str | None = _auth("project_domain_id", "That project's domain")
    project_domain_name: str | None = _auth("project_domain_name", "The same by name")
    region_name: str | None = _auth("region_name", "Region of the catalog that services are found in")
    cafile: str | None = _auth("cafile", "File of the authority that signed Keystone's certificate")
    insecure: bool = option(
        False, section="keystone_authtoken", help="Believe any certificate", old=("service_auth/insecure",)
    )
    interface: str | None = option(
        None, section="keystone_authtoken", help="Endpoints that services use: public, internal or admin"
    )
    trustee_username: str | None = option(
        None,
        section="trustee",
        name="username",
        help="User that stacks are worked on as; empty: the service user",
    )
    trustee_password: str | None = option(None, section="trustee", name="password", help="Its password")
    trustee_domain_id: str | None = option(None, section="trustee", name="user_domain_id", help="Its domain")
    trustee_domain_name: str | None = option(
        None, section="trustee", name="user_domain_name", help="Its domain, by name"
    )
    stack_user_domain_id: str | None = option(
        None, section="DEFAULT", help="Domain of the users that stacks make (an external Keystone)"
    )
    stack_user_domain_name: str | None = option(None, section="DEFAULT", help="The same by name")
    stack_domain_admin: str | None = option(None, section="DEFAULT", help="Administrator of that domain")
    stack_domain_admin_password: str | None = option(None, section="DEFAULT", help="Its password")


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """Memcached. Every process is given the whole list."""

    memcached_servers: list[str] = option(
        [],
        section="keystone_authtoken",
        help="memcached servers (host:port,host:port) in which is remembered whose a token is",
        old=("keystone_authtoken/memcache_servers", "DEFAULT/memcached_servers"),
    )
    memcache_servers: list[str] = option(
        [], section="cache", help="The same, as oslo.cache has it", old=("cache/memcached_servers",)
    )
    token_cache_time: float = option(
        60.0,
        section="keystone_authtoken",
        help="Seconds for which a token that was good is believed to be, 60 at most; 0: ask each time",
    )
    memcache_security_strategy: str | None = option(
        None, section="keystone_authtoken", help="MAC (values are signed) or ENCRYPT"
    )
    memcache_secret_key: str | None = option(
        None,
        section="keystone_authtoken",
        help="Key for that; empty: made from what the cluster shares",
    )
    memcache_socket_timeout: float = option(
        0.2, section="cache", help="Seconds that a memcached server may take to answer"
    )
    memcache_dead_retry: float = option(
        30.0,
        section="cache",
        help="Seconds for which a server that did not answer is left out",
        old=("keystone_authtoken/memcache_pool_dead_retry",),
    )
