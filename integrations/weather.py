"""What kinds of provider errors mean in plain words, and who has to act. Pure.

Four classes of kinds, which alerts treat differently (mission P4): what passes by itself is worth a word only in a
burst; what somebody has to mend, from the first on; what concerns one person or text, only where it becomes many;
calls that cannot be read, where they become more than is usual.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from integrations.errors import TRANSIENT_KINDS, ErrorKind


class Sort(StrEnum):
    """Who has to act on an error."""

    PASSES = "passes"
    SOMEBODY = "somebody"
    ONE_BY_ONE = "one_by_one"
    UNUSUAL = "unusual"


@dataclass(frozen=True, slots=True)
class Words:
    """A kind of error for people: its name, and what follows from it."""

    name: str
    meaning: str


WORDS: Final[dict[ErrorKind, Words]] = {
    ErrorKind.RATE_LIMITED: Words("Too many requests", "We wait and go on by ourselves; nothing is lost."),
    ErrorKind.QUOTA: Words("Allowance used up", "The action rests until the network allows it again."),
    ErrorKind.UNAVAILABLE: Words("Not reachable", "It is tried again by itself; nothing is lost."),
    ErrorKind.TIMEOUT: Words("No answer in time", "It is read again by itself."),
    ErrorKind.INDETERMINATE: Words(
        "Unclear whether it left", "The provider is asked; nothing is sent again unasked."
    ),
    ErrorKind.AUTH: Words("Credentials refused", "Enter valid credentials under Settings, Connections."),
    ErrorKind.CONFIG: Words(
        "Settings or plan", "The provider's plan or the connection's settings lack something."
    ),
    ErrorKind.ACCOUNT_DISCONNECTED: Words(
        "Account signed out", "Its owner has to sign in again under Senders."
    ),
    ErrorKind.ACCOUNT_RESTRICTED: Words(
        "Account restricted", "The network restricted it; its owner has to act there."
    ),
    ErrorKind.RECIPIENT: Words("Cannot be reached", "This step was skipped for these people."),
    ErrorKind.NOT_FOUND: Words("Not there", "What was asked for does not exist at the provider."),
    ErrorKind.VALIDATION: Words("Content refused", "Somebody has to change the text or its attachment."),
    ErrorKind.CONFLICT: Words("Contradiction", "The request contradicts what the provider has."),
    ErrorKind.ALREADY_DONE: Words("Done already", "It was so already."),
    ErrorKind.UNSUPPORTED: Words("Not possible there", "The provider or this account cannot do that."),
    ErrorKind.UNKNOWN: Words(
        "Unknown answer", "The answer fits no rule: the provider may have changed something."
    ),
    ErrorKind.UNREADABLE: Words(
        "Webhook not understood",
        "It is kept under Webhooks; what it told is read by polling where that is possible.",
    ),
}

_SOMEBODY: Final = frozenset(
    {
        ErrorKind.AUTH,
        ErrorKind.CONFIG,
        ErrorKind.ACCOUNT_DISCONNECTED,
        ErrorKind.ACCOUNT_RESTRICTED,
        ErrorKind.UNKNOWN,
    }
)


#: What we do to a provider, by the first word of an adapter's method.
_DOING: Final = {
    "add": "adding",
    "cancel": "taking back",
    "change": "changing",
    "connect": "connecting",
    "create": "making",
    "delete": "removing",
    "events": "reading",
    "fetch": "reading",
    "get": "reading",
    "lead": "reading",
    "list": "reading",
    "pause": "pausing",
    "poll": "reading",
    "receive": "receiving",
    "reply": "answering",
    "resume": "resuming",
    "save": "saving",
    "search": "searching",
    "send": "sending",
    "set": "setting",
    "settle": "asking what became of a send",
    "start": "starting",
    "stop": "stopping",
    "update": "changing",
    "verify": "testing",
    "watch": "watching",
}


def doing_of(route: str) -> str:
    """Say what was being done: ``list_accounts`` is “reading accounts”."""
    verb, _, what = route.partition("_")
    return f"{_DOING.get(verb, verb)} {what.replace('_', ' ')}".strip()


def sort_of(kind: str) -> Sort:
    """Return who has to act on errors of ``kind``; a word that is no kind any more counts as unknown."""
    known = ErrorKind(kind) if kind in set(ErrorKind) else ErrorKind.UNKNOWN
    if known in TRANSIENT_KINDS or known is ErrorKind.INDETERMINATE:
        return Sort.PASSES
    if known is ErrorKind.UNREADABLE:
        return Sort.UNUSUAL
    return Sort.SOMEBODY if known in _SOMEBODY else Sort.ONE_BY_ONE


def words_of(kind: str) -> Words:
    """Return a kind's name and meaning; a word that is no kind any more stands for itself."""
    return WORDS[ErrorKind(kind)] if kind in set(ErrorKind) else Words(kind, "")
