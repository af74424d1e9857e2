"""Connections to mail servers: to public addresses only, with TLS that is checked, and within bounds of time
and size whatever the other side does.

A user types the host, so that the name is resolved and judged first (``project.core.http.guard``), and the
socket goes to one of the very addresses that were judged. The certificate is checked against the name.
"""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING, Any, Final

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.mailbox.servers import PROVIDER, TLS, Server
from project.core.http.errors import AddressRefusedError
from project.core.http.guard import public_addresses, resolve

#: Seconds to connect, and between two pieces of an answer.
CONNECT_SECONDS: Final = 10.0
PACE_SECONDS: Final = 30.0

if TYPE_CHECKING:
    _Base = socket.socket
else:
    _Base = object


class _Bounded(_Base):
    """Reads until a moment and up to a number of bytes; then it is a time-out.

    ``deadline`` is a ``time.monotonic`` value, ``None`` for a connection that waits for news.
    """

    deadline: float | None = None
    budget: int = 1 << 62

    def recv_into(self, *args: Any, **options: Any) -> int:
        """Read what is there, if there is time left."""
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("The server took too long.")
            self.settimeout(min(PACE_SECONDS, left))
        count: int = super().recv_into(*args, **options)
        self.budget -= count
        if self.budget < 0:
            raise TimeoutError("The server sent more than any mail server does.")
        return count


class BoundedSocket(_Bounded, socket.socket):
    """A plain socket within bounds."""


class BoundedTlsSocket(_Bounded, ssl.SSLSocket):
    """An encrypted socket within bounds."""


def tls_context() -> ssl.SSLContext:
    """Return a context that checks certificates and names, TLS 1.2 at least."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = BoundedTlsSocket
    return context


def open_socket(server: Server, *, seconds: float) -> socket.socket:
    """Connect to ``server``, encrypted if it speaks TLS from the first byte. Raises ``ProviderError``.

    The connection may be used for ``seconds``; see ``bound``.
    """
    plain = _connect(server)
    bound(plain, seconds=seconds)
    if server.security != TLS:
        return plain
    try:
        secure = tls_context().wrap_socket(plain, server_hostname=server.host)
    except (ssl.SSLError, OSError, ValueError) as error:
        plain.close()
        raise tls_error(server, error) from error
    bound(secure, seconds=seconds)
    return secure


def bound(connection: socket.socket, *, seconds: float | None, megabytes: float = 100.0) -> None:
    """Set how long and for how much a connection may be used from now; ``None``: it waits for news."""
    if isinstance(connection, _Bounded):
        connection.deadline = None if seconds is None else time.monotonic() + seconds
        connection.budget = int(megabytes * 1_000_000)
    connection.settimeout(PACE_SECONDS)


def tls_error(server: Server, error: Exception) -> ProviderError:
    """Say what is wrong with a server's encryption: a certificate is for its owner to mend."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return ProviderError(
            ErrorKind.CONFIG,
            f"The certificate of {server.host} is not valid: {error.verify_message}",
            provider=PROVIDER,
            raw_type=type(error).__name__,
        )
    kind = ErrorKind.UNAVAILABLE if isinstance(error, TimeoutError | ConnectionError) else ErrorKind.CONFIG
    return ProviderError(
        kind,
        f"{server} does not speak TLS as expected; the port or the kind of encryption may be wrong.",
        provider=PROVIDER,
        raw_type=type(error).__name__,
    )


def _connect(server: Server) -> BoundedSocket:
    try:
        find = resolve if server.trusted else public_addresses
        addresses = find(server.host, server.port)
    except AddressRefusedError as error:
        raise ProviderError(ErrorKind.CONFIG, str(error), provider=PROVIDER) from error
    except (OSError, UnicodeError) as error:
        raise ProviderError(
            ErrorKind.UNAVAILABLE, f"{server.host} cannot be found.", provider=PROVIDER, raw_type="dns"
        ) from error
    failure: Exception | None = None
    for address in addresses[:4]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = BoundedSocket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(CONNECT_SECONDS)
            connection.connect((address, server.port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise ProviderError(
        ErrorKind.UNAVAILABLE,
        f"{server} does not answer.",
        provider=PROVIDER,
        raw_type=type(failure).__name__,
    ) from failure
