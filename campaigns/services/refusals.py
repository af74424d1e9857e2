"""Why a step cannot be sent to a lead: for good, or not yet."""

from __future__ import annotations

from datetime import datetime


class NotSendable(ValueError):
    """This step cannot be sent to this lead; ``code`` is stable, the message plain.

    ``final`` is false for what may clear up (``NotYet``): the send then waits, until ``until`` if that is known.
    """

    final = True

    def __init__(self, code: str, message: str, *, until: datetime | None = None) -> None:
        self.code = code
        self.until = until
        super().__init__(message)


class NotYet(NotSendable):
    """Something else has to happen first; the send waits."""

    final = False
