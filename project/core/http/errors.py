"""What can go wrong below HTTP: raised by ``project.core.http`` instead of the library's own exceptions.

An answer with an error status is not an exception here: callers get the response and judge it. Messages carry
no secrets. ``maybe_sent`` says whether the other side may have acted on the request: it decides whether a
write failed for sure or has to be settled.
"""

from __future__ import annotations


class HttpError(Exception):
    """Base of all failures without a usable answer. ``client`` is the name given to ``client_for``."""

    maybe_sent = False

    def __init__(self, message: str, *, client: str = "") -> None:
        super().__init__(message)
        self.client = client


class ConnectFailedError(HttpError):
    """No connection came about (refused, DNS, TLS, connect time-out, full pool): nothing was sent."""


class TimeoutExceededError(HttpError):
    """The request went out, wholly or in part, and no complete answer came in time."""

    maybe_sent = True


class TransportBrokenError(HttpError):
    """The connection broke or spoke nonsense after the request had begun to go out."""

    maybe_sent = True


class ResponseTooLargeError(HttpError):
    """The answer is larger than allowed; reading was stopped."""

    maybe_sent = True


class TooManyRedirectsError(HttpError):
    """A read was redirected more often than allowed."""


class AddressRefusedError(HttpError):
    """A URL given by a user points where we must not go (private network, metadata service, odd scheme)."""


class CircuitOpenError(HttpError):
    """The circuit breaker is open: nothing was sent. ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, retry_after: float, client: str = "") -> None:
        super().__init__(message, client=client)
        self.retry_after = retry_after


class RequestRateExceededError(HttpError):
    """Our own request rate for this key is used up: nothing was sent. ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, retry_after: float, client: str = "") -> None:
        super().__init__(message, client=client)
        self.retry_after = retry_after
