# SPDX-License-Identifier: Apache-2.0
"""What should be: the specifications that services hand to the host agent.

Every spec is a whole truth about one thing. ``ensure`` makes the kernel agree with it and removes what the
spec no longer has. Addresses are text ("10.0.0.5", "fd00::5"), prefixes are text with a length
("10.0.0.0/24"), MACs are lower-case with colons, ids are UUIDs with dashes. What becomes part of a path, a
name or a rule is checked as it is decoded, since the agent has more rights than who asks it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = [
    "Address",
    "AddressPair",
    "ExternalSpec",
    "FileSpec",
    "FloatingIp",
    "Id",
    "ImageSpec",
    "NetworkSpec",
    "PortSpec",
    "Route",
    "RouterGateway",
    "RouterInterface",
    "RouterSpec",
    "RuleSpec",
    "ServerSpec",
    "SubnetSpec",
]


Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")]
MaybeId = Annotated[str, Meta(pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]{0,63})?\Z")]
Interface = Annotated[str, Meta(pattern=r"^([a-z][a-z0-9]{0,13})?\Z")]
Mac = Annotated[str, Meta(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}\Z")]
MaybeMac = Annotated[str, Meta(pattern=r"^(([0-9a-f]{2}:){5}[0-9a-f]{2})?\Z")]
Ip = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f:.]{2,45}\Z")]
MaybeIp = Annotated[str, Meta(pattern=r"^([0-9A-Fa-f:.]{2,45})?\Z")]
Prefix = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?\Z")]


class Address(Struct, frozen=True):
    """An address with the length of its subnet's prefix, as an interface carries it."""

    address: Ip
    prefixlen: int


class Route(Struct, frozen=True):
    """Packets to ``destination`` (a prefix, "0.0.0.0/0" for all) go to ``nexthop`` (an address)."""

    destination: Prefix
    nexthop: Ip


class AddressPair(Struct, frozen=True):
    """A further source that a port may use: an address or prefix, and a MAC ("" = the port's own)."""

    address: Prefix
    mac: MaybeMac = ""


class RuleSpec(Struct, frozen=True, kw_only=True):
    """One compiled rule of a security group: what it lets pass.

    ``protocol`` is "" (any), a name that nftables knows (tcp, udp, icmp, ipv6-icmp, sctp, …) or a number as
    text. For ICMP ``port_min`` is the type and ``port_max`` the code. ``remote_cidrs`` None means anywhere,
    an empty tuple nowhere; ``remote_group`` names an entry of ``NetworkSpec.groups`` and is used instead
    when not "".
    """

    direction: Literal["ingress", "egress"]
    ethertype: Literal["IPv4", "IPv6"]
    protocol: str = ""
    port_min: int | None = None
    port_max: int | None = None
    remote_cidrs: tuple[Prefix, ...] | None = None
    remote_group: str = ""


class PortSpec(Struct, frozen=True, kw_only=True):
    """One interface of one server.

    ``device_id`` is the server's id: the interface appears in its namespace ``sv-srv-<device_id>``. A port
    without one is bound to nothing and is not wired. ``interface`` is the name in the server ("eth0"); ""
    means the next free one. ``gateways`` are the default gateways (one per family at most); the first
    interface of a server wins.
    """

    id: Id
    mac: Mac
    fixed_ips: tuple[Address, ...] = ()
    device_id: MaybeId = ""
    interface: Interface = ""
    gateways: tuple[Ip, ...] = ()
    routes: tuple[Route, ...] = ()
    nameservers: tuple[str, ...] = ()
    allowed_address_pairs: tuple[AddressPair, ...] = ()
    port_security: bool = True
    rules: tuple[RuleSpec, ...] = ()
    admin_up: bool = True


class SubnetSpec(Struct, frozen=True, kw_only=True):
    """A subnet as the network's namespace needs it: ``service_address`` is what DHCP, DNS and metadata
    answer from.
    """

    cidr: Prefix
    service_address: MaybeIp = ""


class NetworkSpec(Struct, frozen=True, kw_only=True):
    """A tenant network with all its bound ports. ``groups``: addresses (prefixes) of each remote group in
    use.
    """

    id: Id
    mtu: int = 1500
    subnets: tuple[SubnetSpec, ...] = ()
    ports: tuple[PortSpec, ...] = ()
    groups: dict[str, tuple[Prefix, ...]] = {}


class RouterInterface(Struct, frozen=True, kw_only=True):
    """A router's leg in a tenant network."""

    port_id: Id
    network_id: Id
    mac: Mac
    addresses: tuple[Address, ...]


class RouterGateway(Struct, frozen=True, kw_only=True):
    """A router's leg in an external network, and the addresses it sends everything else to."""

    port_id: Id
    network_id: Id
    mac: Mac
    addresses: tuple[Address, ...]
    nexthops: tuple[Ip, ...] = ()


class FloatingIp(Struct, frozen=True):
    """``floating`` (an address of the external network) leads to ``fixed`` (an address behind the router)."""

    floating: Ip
    fixed: Ip


class RouterSpec(Struct, frozen=True, kw_only=True):
    """A router. Disabled (``enabled`` false) it keeps its namespace and carries nothing."""

    id: Id
    enabled: bool = True
    interfaces: tuple[RouterInterface, ...] = ()
    gateway: RouterGateway | None = None
    enable_snat: bool = True
    floating_ips: tuple[FloatingIp, ...] = ()
    routes: tuple[Route, ...] = ()


class ExternalSpec(Struct, frozen=True, kw_only=True):
    """An external network: where floating IPs live and where the host itself has a leg.

    ``host_addresses`` are the host's own addresses in it (the gateway of its subnets). ``masquerade`` lets
    what leaves it go out to the internet with the host's address: it switches on the host's IPv4
    forwarding.
    """

    id: Id
    host_addresses: tuple[Address, ...] = (Address("172.24.4.1", 24),)
    mtu: int = 1500
    masquerade: bool = False


class FileSpec(Struct, frozen=True, kw_only=True):
    """A file to be found in a server before it starts."""

    path: str
    content: bytes
    mode: int = 0o644
    owner: str = "root:root"


class ImageSpec(Struct, frozen=True, kw_only=True):
    """An image to unpack: where its bytes lie, and what they are."""

    id: Id
    source: str
    disk_format: str
    container_format: str
    checksum: str = ""


class ServerSpec(Struct, frozen=True, kw_only=True):
    """A server: a container over an image, in the namespace that its ports wired.

    ``image`` is an image id or "host" (the machine's own root file system). ``user_data`` is what the user
    gave, as decoded bytes; ``metadata`` the user's keys. ``files`` are written before each start. With
    ``config_drive`` the server finds ``meta_data`` and ``network_data`` (JSON documents as 169.254.169.254
    shows them; made from this spec when empty) and its user data in /var/lib/cloud/seed/config_drive.
    ``running`` false: have the server, switched off.
    """

    id: Id
    hostname: str
    image: str = "host"
    memory_mb: int = 512
    vcpus: int = 1
    disk_gb: int = 0
    user_data: bytes = b""
    metadata: dict[str, str] = {}
    public_keys: tuple[str, ...] = ()
    admin_password: str = ""
    config_drive: bool = False
    meta_data: bytes = b""
    network_data: bytes = b""
    files: tuple[FileSpec, ...] = ()
    nameservers: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    capabilities: tuple[str, ...] = ()
    running: bool = True
