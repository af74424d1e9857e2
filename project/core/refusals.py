"""Refusals: what a service raises when a request is understood and cannot be granted.

Pages show the message beside the field it concerns, the JSON API answers ``{code, message, details}`` with the
status of the class, commands print it. Programming errors are never refusals.
"""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A request that cannot be granted.

    ``code`` is stable and in capitals, ``message`` one plain sentence, ``field`` the name of the input that is wrong
    (empty when it is none), ``details`` JSON-serialisable facts.
    """

    status = 409
    default_code = "CONFLICT"

    def __init__(self, message: str, *, code: str = "", field: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.field = field
        self.details: dict[str, Any] = {**details, **({"field": field} if field else {})}


class NotSignedIn(Refused):
    """Nobody is known by what was presented (401)."""

    status = 401
    default_code = "NOT_AUTHENTICATED"


class NotAllowed(Refused):
    """The person is known and may not do this (403)."""

    status = 403
    default_code = "FORBIDDEN"


class NotFound(Refused):
    """There is nothing by that name or id within reach (404)."""

    status = 404
    default_code = "NOT_FOUND"


class BadRequest(Refused):
    """The request lacks something or contradicts itself (400)."""

    status = 400
    default_code = "BAD_REQUEST"


class Invalid(Refused):
    """A value is not acceptable (422)."""

    status = 422
    default_code = "VALIDATION_ERROR"


class TooMany(Refused):
    """A limit was reached (429); ``retry_after`` is in seconds."""

    status = 429
    default_code = "RATE_LIMITED"

    def __init__(self, message: str, *, retry_after: int, **details: Any) -> None:
        super().__init__(message, retry_after=retry_after, **details)
        self.retry_after = retry_after
