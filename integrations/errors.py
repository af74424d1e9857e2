"""What can go wrong at a provider, in one vocabulary (mission P4).

Adapters translate every vendor error into a ``ProviderError``; nothing above ``integrations`` reads vendor
types. Two questions are kept apart:

* ``kind``: what happened, and ``transient``: whether it passes by itself;
* ``disposition``: what the caller does about it, which follows from the kind alone.

This module imports no Django and no HTTP client.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal


class ErrorKind(StrEnum):
    """What happened. The comment says who has to act."""

    #: Too many requests; passes by itself. Pause this action on this account.
    RATE_LIMITED = "rate_limited"
    #: The account's allowance at the network is used up; passes by itself. Pause this action on this account.
    QUOTA = "quota"
    #: The provider is down or not reachable, and the request surely had no effect.
    UNAVAILABLE = "unavailable"
    #: No answer in time to a request without effects (a read).
    TIMEOUT = "timeout"
    #: A write may or may not have had its effect. Ask the provider; never send again unasked.
    INDETERMINATE = "indeterminate"
    #: Our credentials for the provider are wrong or lack a right. An administrator has to act.
    AUTH = "auth"
    #: The provider's plan, the connection's settings or our request is wrong. An administrator has to act.
    CONFIG = "config"
    #: The sender account is signed out or asks for a check-in. Its owner has to sign in again.
    ACCOUNT_DISCONNECTED = "account_disconnected"
    #: The network restricted the sender account. Its owner has to act; sending more makes it worse.
    ACCOUNT_RESTRICTED = "account_restricted"
    #: This person cannot be reached this way. Skip this step for this person.
    RECIPIENT = "recipient"
    #: The thing does not exist.
    NOT_FOUND = "not_found"
    #: The content was refused (too long, wrong type, empty). A person has to change it.
    VALIDATION = "validation"
    #: The request contradicts the state at the provider.
    CONFLICT = "conflict"
    #: What was asked for is already so: as good as success. ``ProviderError.already`` says what is so.
    ALREADY_DONE = "already_done"
    #: The provider or this account cannot do that at all.
    UNSUPPORTED = "unsupported"
    #: The provider answered something that fits no rule; treated as terminal until looked at.
    UNKNOWN = "unknown"
    #: The provider called with something that we cannot read. A developer has to act where it becomes unusual.
    UNREADABLE = "unreadable"


class Disposition(StrEnum):
    """What a caller does about an error."""

    #: Try the same request again later.
    RETRY_LATER = "retry_later"
    #: Hold this action on this account until ``retry_after``; others go on. No lead is failed for it.
    PAUSE_ACTION = "pause_action"
    #: Ask ``SettlesSends.settle`` what became of it.
    ASK_PROVIDER = "ask_provider"
    #: Stop all sending of this account and tell its owner.
    STOP_ACCOUNT = "stop_account"
    #: Stop the connection and tell an administrator.
    FIX_CONNECTION = "fix_connection"
    #: This step cannot be done for this person.
    SKIP_LEAD = "skip_lead"
    #: Go on as if it had succeeded.
    TREAT_AS_DONE = "treat_as_done"
    #: Show it to a person; trying again unchanged is pointless.
    REPORT = "report"


_DISPOSITIONS: Final[dict[ErrorKind, Disposition]] = {
    ErrorKind.RATE_LIMITED: Disposition.PAUSE_ACTION,
    ErrorKind.QUOTA: Disposition.PAUSE_ACTION,
    ErrorKind.UNAVAILABLE: Disposition.RETRY_LATER,
    ErrorKind.TIMEOUT: Disposition.RETRY_LATER,
    ErrorKind.INDETERMINATE: Disposition.ASK_PROVIDER,
    ErrorKind.AUTH: Disposition.FIX_CONNECTION,
    ErrorKind.CONFIG: Disposition.FIX_CONNECTION,
    ErrorKind.ACCOUNT_DISCONNECTED: Disposition.STOP_ACCOUNT,
    ErrorKind.ACCOUNT_RESTRICTED: Disposition.STOP_ACCOUNT,
    ErrorKind.RECIPIENT: Disposition.SKIP_LEAD,
    ErrorKind.NOT_FOUND: Disposition.SKIP_LEAD,
    ErrorKind.VALIDATION: Disposition.REPORT,
    ErrorKind.CONFLICT: Disposition.REPORT,
    ErrorKind.ALREADY_DONE: Disposition.TREAT_AS_DONE,
    ErrorKind.UNSUPPORTED: Disposition.REPORT,
    ErrorKind.UNKNOWN: Disposition.REPORT,
    ErrorKind.UNREADABLE: Disposition.REPORT,
}

TRANSIENT_KINDS: Final[frozenset[ErrorKind]] = frozenset(
    {ErrorKind.RATE_LIMITED, ErrorKind.QUOTA, ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT}
)
"""Kinds that pass by themselves. ``INDETERMINATE`` is not among them: a generic retry would send twice."""

Already = Literal["connected", "invited", "done"]
"""What is already so: the two are connected, an invitation is pending, or the plain action was done before.
"""


class ProviderError(Exception):
    """One refused or failed request to a provider, in plain words and without secrets.

    ``provider``     registry kind, e.g. ``unipile``.
    ``message``      one sentence for the operator.
    ``status``       HTTP status, if there was an answer.
    ``raw_type``     the vendor's own error type, as sent (or the transport error's name).
    ``detail``       the vendor's text, redacted and shortened; for logs and diagnostics.
    ``retry_after``  seconds to wait before the next try, where the provider or our table says so.
    ``already``      for ``ALREADY_DONE``: what is already so.
    ``if_not_sent``  for ``INDETERMINATE``: what the error is worth once settlement finds that nothing went
    out.
    ``opted_out``    the address or number that, the provider says, does not want to hear from us; else blank.
    ``route``        the adapter's call that raised it, once ``services.failures`` has counted it; blank before.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        provider: str,
        status: int | None = None,
        raw_type: str = "",
        detail: str = "",
        retry_after: float | None = None,
        already: Already | None = None,
        if_not_sent: ErrorKind | None = None,
        opted_out: str = "",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.provider = provider
        self.status = status
        self.raw_type = raw_type
        self.detail = detail
        self.retry_after = retry_after
        self.already = already
        self.if_not_sent = if_not_sent
        self.opted_out = opted_out
        self.route = ""

    @property
    def transient(self) -> bool:
        """Whether it passes by itself (the API answers 503 then, else 502)."""
        return self.kind in TRANSIENT_KINDS

    @property
    def disposition(self) -> Disposition:
        """What the caller does about it."""
        return _DISPOSITIONS[self.kind]

    def __str__(self) -> str:
        facts = [self.provider, self.kind.value]
        if self.status is not None:
            facts.append(f"status {self.status}")
        if self.raw_type:
            facts.append(self.raw_type)
        return f"{self.message} ({', '.join(facts)})"


class WebhookRefusedError(Exception):
    """An inbound call not proven to come from the provider. ``reason`` is safe to log and to store.

    ``fault_is_ours`` says that nothing could have been proven, for we lack the secret or key: the provider is
    told to come again.
    """

    def __init__(self, reason: str, *, fault_is_ours: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fault_is_ours = fault_is_ours
