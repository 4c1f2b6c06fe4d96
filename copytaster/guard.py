"""Addresses that we never reach: whatever is not a public host, unless the operator allows it.

It owns which addresses are public and the check at connect; it must not know what is fetched or sent.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

from copytaster.errors import Rejected, Transient
from copytaster.urls import host_of, resolve

Resolve = Callable[[str, int], list[str]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Our own lists by the IANA special-purpose registries: ``is_global`` of Python 3.11 says yes to NAT64, 6to4,
# ::127.0.0.1 and multicast, and changes between releases.
_CLOSED_4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
    )
)  # fmt: skip
_OPEN_6 = ipaddress.IPv6Network("2000::/3")  # the only block that is routed; within it, not:
_CLOSED_6 = tuple(
    ipaddress.IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # how an IPv6-only machine sees every IPv4 host


def system_resolve(host: str, port: int) -> list[str]:
    """All addresses of a host by the system's resolver, in its order; ``[]`` when it has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: Address) -> bool:
    """Whether an address is one that anybody in the world may reach; addresses inside addresses are unwrapped."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _CLOSED_4)
    if inner := _inner(address):
        return is_public(inner)
    return address in _OPEN_6 and not any(address in network for network in _CLOSED_6)


class Guard:
    """What may be connected to. ``allow`` names networks, addresses or hosts that the operator trusts.

    A host name in ``allow`` opens that very name (``.example.com``: all below it), whatever it resolves to.
    """

    def __init__(self, allow: Sequence[str] = (), *, resolve: Resolve = system_resolve) -> None:
        self._networks: list[_Network] = []
        self._hosts: set[str] = set()
        self._resolve = resolve
        for entry in allow:
            try:
                self._networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                self._hosts.add(entry.lower().rstrip("."))

    def check_address(self, ip: str, host: str | None = None) -> None:
        """Refuse an address that a connection is about to use, or uses.

        ``host`` is the name that led to it. Raises ``Rejected("private_address")``.
        """
        if host is not None and self.allows_host(host):
            return
        address = _parse(ip)
        if address is None:
            raise Rejected("private_address", f"{ip!r} is not an IP address, so it is not reached.")
        if is_public(address) or self._allows(address):
            return
        named = f"{host} is at {ip}, which" if host and host != ip else ip
        raise Rejected("private_address", f"{named} is not a public address; if it is yours, add it to guard.allow.")

    def check_literal(self, host: str) -> None:
        """Refuse what needs no name server to be private: address literals and ``localhost``.

        For what goes through a proxy, where names are not ours to resolve. Raises ``Rejected("private_address")``.
        """
        host = host.strip("[]")
        if _parse(host):
            self.check_address(host, host)
        elif host == "localhost" or host.endswith(".localhost"):
            self.check_address("127.0.0.1", host)

    def allows_host(self, host: str) -> bool:
        """Whether the operator named this host, or a domain above it with a leading dot."""
        host = host.lower().rstrip(".")
        return host in self._hosts or any(name[0] == "." and host.endswith(name) for name in self._hosts if name)

    def addresses(self, host: str, port: int) -> list[str]:
        """Resolve a host and check *all* its addresses; connect to one of these, not to the name again.

        Raises ``Rejected("private_address")``, and ``Rejected("unresolved")`` where it has no address.
        """
        host = host.strip("[]")
        found = [host] if _parse(host) else self._resolve(host, port)
        if not found:
            raise Rejected("unresolved", f"The host {host!r} has no address; check its spelling or the name server.")
        for ip in found:
            self.check_address(ip, host)
        return found

    def check_url(self, url: str) -> list[str]:
        """The checked addresses of an http(s) URL; a literal needs no network.

        Raises ``Rejected`` with ``bad_url``, ``unresolved`` or ``private_address``.
        """
        href = resolve(url)
        scheme = href.partition(":")[0]
        if scheme not in ("http", "https"):
            raise Rejected("bad_url", f"The scheme {scheme!r} is not reached; only http and https are.")
        return self.addresses(host_of(href), 443 if scheme == "https" else 80)

    def connect(
        self, address: tuple[str, int], timeout: float | None = None, source_address: tuple[str, int] | None = None
    ) -> socket.socket:
        """``socket.create_connection`` that resolves once and connects only to what it checked (for smtplib)."""
        host, port = address
        return _first(
            self.addresses(host, port),
            lambda ip: socket.create_connection((ip, port), timeout, source_address),
            f"{host}:{port}",
        )

    def _allows(self, address: Address) -> bool:
        inner = _inner(address) if isinstance(address, ipaddress.IPv6Address) else None
        candidates = [address, inner] if inner else [address]
        return any(one in network for one in candidates for network in self._networks if one.version == network.version)


class OwnGuard(Guard):
    """Lets one host and port pass, wherever they are, and nothing else: for what we send to ourselves."""

    def __init__(self, url: str, *, resolve: Resolve = system_resolve) -> None:
        place = urlsplit(url)
        self._place = (place.hostname or "", place.port or (443 if place.scheme == "https" else 80))
        super().__init__((self._place[0],), resolve=resolve)

    def addresses(self, host: str, port: int) -> list[str]:
        self.check_place(host, port)
        return super().addresses(host, port)

    def check_place(self, host: str, port: int) -> None:
        """Raises ``Rejected("private_address")`` for any other place."""
        if (host.strip("[]").lower(), port) != self._place:
            raise Rejected("private_address", f"{host}:{port} is not the page of our own that may be reached.")


def _first(ips: Iterable[str], connect: Callable[[str], socket.socket], where: str) -> socket.socket:
    last: OSError | None = None
    for ip in ips:
        try:
            return connect(ip)
        except OSError as error:
            last = error
    raise Transient(f"Nothing answers at {where}: {last}.") from last


def _parse(ip: str) -> Address | None:
    try:
        return ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return None


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 host that an IPv6 address leads to, where the form is one that real resolvers give."""
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None
