"""Keeps requests to addresses given by users out of private networks (server-side request forgery).

The name is resolved, every address is judged, and the connection goes to one of those very addresses: a name
that resolves differently a moment later changes nothing. Host header, SNI and certificate check keep the
name, because only the connecting step is replaced. Each redirect connects anew and is judged anew.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

import httpcore
import httpx

from project.core.http.errors import AddressRefusedError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]

#: Public by the registries, yet answered inside clouds: Azure's wire server, Oracle's metadata.
_INTERNAL_BY_HABIT: Final = frozenset(
    {ipaddress.ip_address("168.63.129.16"), ipaddress.ip_address("192.0.0.192")}
)
_NAT64: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_IPV4_COMPATIBLE: Final = ipaddress.ip_network("::/96")


def resolve(host: str, port: int) -> list[str]:
    """Return all addresses of ``host`` as text, in the system's order. Raises ``OSError``."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def _embedded(address: IPAddress) -> IPAddress:
    """Return the IPv4 address that an IPv6 address carries inside, or the address itself."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _IPV4_COMPATIBLE or any(address in network for network in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(text: str) -> bool:
    """Say whether ``text`` is an IP address of the public internet, whatever it is wrapped in."""
    try:
        address = _embedded(ipaddress.ip_address(text))
    except ValueError:
        return False
    return address.is_global and not address.is_multicast and address not in _INTERNAL_BY_HABIT


def public_addresses(host: str, port: int, resolver: Resolve = resolve) -> list[str]:
    """Return the addresses of ``host``, all of which are public.

    Raises ``AddressRefusedError`` if any is not: a name with one private address has no business with us.
    Raises ``OSError`` if the name does not resolve.
    """
    addresses = resolver(host, port)
    if not addresses or not all(is_public(address) for address in addresses):
        raise AddressRefusedError(f"{host} is not on the public internet, so we do not connect to it.")
    return addresses


def check_url(url: str, *, resolver: Resolve = resolve) -> None:
    """Check a URL that a user typed, for forms. Raises ``AddressRefusedError`` with a sentence for the user.

    The check at connect time is the one that protects; this one only tells early.
    """
    check_shape(url)
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        public_addresses(host, parts.port or (443 if parts.scheme == "https" else 80), resolver)
    except OSError:
        raise AddressRefusedError(f"{host} cannot be found.") from None


def check_shape(url: str) -> None:
    """Refuse what is no plain http(s) URL with a host. Raises ``AddressRefusedError``."""
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise AddressRefusedError("This is not a valid address.") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_fine:
        raise AddressRefusedError("The address must begin with https:// or http:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefusedError("The address must not contain a user name or password.")


class PublicOnlyBackend(httpcore.NetworkBackend):
    """Opens TCP connections to public addresses only, to exactly the address that was judged."""

    def __init__(self, resolver: Resolve = resolve) -> None:
        self._resolver = resolver
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, judge and connect. Tries the addresses in turn. Raises ``AddressRefusedError``."""
        try:
            addresses = public_addresses(host, port, self._resolver)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} cannot be found: {error.strerror}") from error
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in addresses:
            try:
                return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Refuse: a Unix socket is never public."""
        raise AddressRefusedError("Local sockets are not allowed.")

    def sleep(self, seconds: float) -> None:
        """Wait, as the pool asks for between its own connection attempts."""
        self._inner.sleep(seconds)


class PublicOnlyTransport(httpx.HTTPTransport):
    """The library's transport with connections to public addresses only."""

    def __init__(self, *, limits: httpx.Limits, resolver: Resolve = resolve) -> None:
        super().__init__(limits=limits, trust_env=False)
        # httpx 0.28 has no argument for the network backend, and its pool reads this attribute when it opens
        # a
        # connection; test_guard fails should an upgrade change that.
        self._pool._network_backend = PublicOnlyBackend(resolver)
