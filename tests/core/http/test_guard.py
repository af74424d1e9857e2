"""Addresses that users type never lead into private networks."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from project.core.http import AddressRefusedError, ConnectFailedError, HttpClient, check_url
from project.core.http.guard import PublicOnlyTransport, is_public
from tests.core.http.conftest import Answer, Script

Make = Callable[..., HttpClient]

PRIVATE = [
    "127.0.0.1",
    "127.8.9.1",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "2001:db8::1",
    "not an address",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_told(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_are_told(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "//example.com",
        "https://",
        "https://user:pass@example.com/",
        "https://example.com:99999/",
        "http://[::1",
        "gopher://127.0.0.1",
        "example.com",
    ],
)
def test_odd_urls_are_refused(url: str) -> None:
    with pytest.raises(AddressRefusedError):
        check_url(url, resolver=lambda host, port: ["1.1.1.1"])


def test_one_private_address_spoils_a_name() -> None:
    with pytest.raises(AddressRefusedError, match="public internet"):
        check_url("https://mixed.example/", resolver=lambda host, port: ["1.1.1.1", "10.0.0.1"])


def test_an_unknown_name_is_told() -> None:
    def fail(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    with pytest.raises(AddressRefusedError, match="cannot be found"):
        check_url("https://nowhere.example/", resolver=fail)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1"])
def test_loopback_is_refused_in_any_spelling(server: Script, make: Make, host: str) -> None:
    port = server.url.rpartition(":")[2]
    # Spellings that the resolver does not know at all are as good as refused.
    with pytest.raises((AddressRefusedError, ConnectFailedError)):
        make(base_url=f"http://{host}:{port}", allow_private=False).request("POST", "/", json={})
    assert server.seen == []


def test_redirect_into_the_private_network_is_refused(
    server: Script, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A public address answers with a redirect to the metadata service."""
    monkeypatch.setattr(
        "project.core.http.guard.is_public", lambda address: address == "127.0.0.1" and not server.seen
    )
    server.say(Answer(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data"}))
    with pytest.raises(AddressRefusedError):
        make(allow_private=False).request("GET", "/")
    assert len(server.seen) == 1


def test_connects_to_the_address_that_was_judged(
    server: Script, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that resolves to a private address at the second look gains nothing: there is no second look."""
    looks: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: str, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "rebind.example":
            looks.append(host)
            return real("127.0.0.1", port, *args, **kwargs)
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr("project.core.http.guard.is_public", lambda address: True)
    port = server.url.rpartition(":")[2]
    make(base_url=f"http://rebind.example:{port}", allow_private=False).request("GET", "/")
    assert looks == ["rebind.example"]
    assert server.seen[0].headers["Host"] == f"rebind.example:{port}"


def test_a_refusal_is_no_failure_of_the_service(server: Script, make: Make, breaker: Any) -> None:
    client = make(base_url="http://127.0.0.1:1", allow_private=False, breaker_key="k")
    for _ in range(20):
        with pytest.raises(AddressRefusedError):
            client.request("GET", "/")
    assert breaker.state("k") == "closed"


def test_the_library_still_takes_our_backend() -> None:
    """Fails when an upgrade of httpx moves the pool, which would switch the guard off silently."""
    import httpx

    from project.core.http.guard import PublicOnlyBackend

    transport = PublicOnlyTransport(limits=httpx.Limits())
    assert isinstance(transport._pool._network_backend, PublicOnlyBackend)
    with pytest.raises(AddressRefusedError):
        transport.handle_request(httpx.Request("GET", "http://127.0.0.1:9/"))
