"""What SMTP and IMAP servers answer, in our taxonomy: by phase of the transaction, code and words.

Sources: RFC 5321 and 3463, Google's and Microsoft's lists of codes (docs/providers/mailbox.md, section 3).
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from integrations.errors import ErrorKind, ProviderError
from integrations.mail.bounces import category_of
from integrations.providers.mailbox.servers import PROVIDER


class Phase(StrEnum):
    """Where in an SMTP transaction an answer came."""

    CONNECT = "connect"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"


#: Seconds to rest: Gmail wants at least ten minutes after 4.7.28; daily allowances come back within a day.
RATE_PAUSE: Final = 900.0
QUOTA_PAUSE: Final = 6 * 3600.0
GREY_PAUSE: Final = 300.0

_ENHANCED: Final = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_QUOTA: Final = re.compile(
    r"5\.4\.5|5\.1\.90|quota exceeded|sending (?:limit|quota)|daily (?:user )?(?:sending|message|limit)|"
    r"submissionquotaexceeded|limit (?:for|of) (?:the day|messages)|exceeded .{0,30}(?:per day|daily|24 hours)",
    re.IGNORECASE,
)
_RATE: Final = re.compile(
    r"4\.7\.28|4\.7\.0.{0,40}rate|rate limit|too (?:many|fast)|throttl|4\.3\.2 .{0,40}concurrent|"
    r"concurrent connections|per (?:minute|hour)|try again later.{0,30}limit",
    re.IGNORECASE,
)
_RESTRICTED: Final = re.compile(
    r"5\.1\.8|outboundspam|account (?:has been |is )?(?:suspended|blocked|restricted|locked|compromised)|"
    r"5\.7\.50[13]|suspicious activity|unusual activity",
    re.IGNORECASE,
)
_SIZE: Final = re.compile(
    r"5\.3\.4|5\.2\.3|too (?:large|big)|size (?:limit|exceed)|exceeds.{0,30}size", re.IGNORECASE
)
_RELAY: Final = re.compile(
    r"relay|authentication required|not (?:logged|signed) in|5\.7\.0 .{0,20}auth", re.IGNORECASE
)
_NOT_YOURS: Final = re.compile(
    r"5\.7\.60|sendasdenied|not owned by|send as|sender address rejected|not (?:allowed|permitted) to send|"
    r"from address.{0,40}(?:verif|match|not)",
    re.IGNORECASE,
)


def from_reply(phase: Phase, code: int, text: str) -> ProviderError:
    """Return what a refusing SMTP answer means. Nothing left if the server says no, whatever the phase."""
    words = " ".join(text.split())[:500]
    found = _ENHANCED.search(words)
    kind, message, pause = _meaning(phase, code, found.group(1) if found else "", words)
    return ProviderError(
        kind,
        message,
        provider=PROVIDER,
        status=code if 100 <= code <= 599 else None,
        raw_type=f"{phase.value} {code} {found.group(1) if found else ''}".strip(),
        detail=words,
        retry_after=pause,
    )


_Meaning = tuple[ErrorKind, str, float | None]


def _meaning(phase: Phase, code: int, enhanced: str, words: str) -> _Meaning:
    if _QUOTA.search(words):
        return ErrorKind.QUOTA, "The mailbox has sent what its provider allows for now.", QUOTA_PAUSE
    if code == 421 or _RATE.search(words):
        return ErrorKind.RATE_LIMITED, "The mail server asks to send more slowly.", RATE_PAUSE
    if phase is not Phase.RECIPIENT and _RESTRICTED.search(words):
        return ErrorKind.ACCOUNT_RESTRICTED, "The provider restricted this mailbox from sending.", None
    return _BY_PHASE[phase](code, enhanced, words)


def _at_connect(code: int, enhanced: str, words: str) -> _Meaning:
    if code < 500:
        return ErrorKind.UNAVAILABLE, "The mail server is not taking mail right now.", None
    return ErrorKind.CONFIG, "The mail server does not talk to us.", None


def _at_login(code: int, enhanced: str, words: str) -> _Meaning:
    if 400 <= code < 500:
        return ErrorKind.UNAVAILABLE, "The mail server cannot check the password right now.", None
    return (
        ErrorKind.ACCOUNT_DISCONNECTED,
        "The mail server refuses the user name or password. Some providers want an app password here.",
        None,
    )


def _at_sender(code: int, enhanced: str, words: str) -> _Meaning:
    if _SIZE.search(words) or code == 552:
        return ErrorKind.VALIDATION, "The e-mail is larger than the mail server takes.", None
    if code < 500:
        return ErrorKind.UNAVAILABLE, "The mail server is not taking mail right now.", None
    if code == 530 or _RELAY.search(words):
        return ErrorKind.ACCOUNT_DISCONNECTED, "The mail server wants a sign-in before it takes mail.", None
    return ErrorKind.CONFIG, "The mail server does not let this mailbox send from its address.", None


def _at_recipient(code: int, enhanced: str, words: str) -> _Meaning:
    if code < 500:
        return ErrorKind.UNAVAILABLE, "The mail server does not take mail for this recipient yet.", GREY_PAUSE
    if code == 530 or ("relay" in words.lower() and category_of(enhanced, words) != "invalid_address"):
        return ErrorKind.CONFIG, "The mail server does not pass mail on for this mailbox.", None
    return ErrorKind.RECIPIENT, "The mail server refuses this recipient.", None


def _at_content(code: int, enhanced: str, words: str) -> _Meaning:
    if _SIZE.search(words) or code == 552:
        return ErrorKind.VALIDATION, "The e-mail is larger than the mail server takes.", None
    if code < 500:
        return ErrorKind.UNAVAILABLE, "The mail server did not take the e-mail; it is tried again.", None
    if _NOT_YOURS.search(words):
        return ErrorKind.CONFIG, "The mail server does not let this mailbox send from its address.", None
    if category_of(enhanced, words) == "invalid_address":
        return ErrorKind.RECIPIENT, "The mail server refuses this recipient.", None
    return ErrorKind.VALIDATION, "The mail server refuses the content of this e-mail.", None


_BY_PHASE: Final = {
    Phase.CONNECT: _at_connect,
    Phase.LOGIN: _at_login,
    Phase.SENDER: _at_sender,
    Phase.RECIPIENT: _at_recipient,
    Phase.CONTENT: _at_content,
}


def broken(message: str, error: Exception, *, may_have_left: bool = False) -> ProviderError:
    """Return what a lost connection means: after the end of an e-mail was sent nobody knows."""
    kind = ErrorKind.INDETERMINATE if may_have_left else ErrorKind.UNAVAILABLE
    return ProviderError(kind, message, provider=PROVIDER, raw_type=type(error).__name__)


def from_imap_login(text: str) -> ProviderError:
    """Return what a refused IMAP sign-in means (response codes of RFC 5530)."""
    words = " ".join(text.split())[:300]
    upper = words.upper()
    if any(mark in upper for mark in ("[UNAVAILABLE]", "[INUSE]", "[SERVERBUG]", "TEMPORAR", "TRY AGAIN")):
        return ProviderError(
            ErrorKind.UNAVAILABLE,
            "The mail server cannot sign us in right now.",
            provider=PROVIDER,
            detail=words,
        )
    if "[LIMIT]" in upper or "TOO MANY" in upper or "[OVERQUOTA]" in upper:
        return ProviderError(
            ErrorKind.RATE_LIMITED,
            "The mail server has too many connections to this mailbox.",
            provider=PROVIDER,
            detail=words,
            retry_after=RATE_PAUSE,
        )
    return ProviderError(
        ErrorKind.ACCOUNT_DISCONNECTED,
        "The mail server refuses the user name or password. Some providers want an app password here.",
        provider=PROVIDER,
        raw_type="imap login",
        detail=words,
    )
