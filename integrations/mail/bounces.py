"""Mail that says that a mail did not arrive: delivery status notifications (RFC 3464) and everything that
servers wrote before there was a standard, or beside it.

``flufl.bounce`` (Mailman's detectors) finds the recipients of the latter; status codes, permanence and the
id of the mail that came back are read here.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from email.message import Message
from typing import Any, Final

from flufl.bounce import all_failures

from integrations.mail.automatic import has_null_return_path
from integrations.mail.headers import Fields, short_id
from integrations.mail.mime import Mail

#: It says each detector that it tries.
logging.getLogger("flufl.bounce").setLevel(logging.WARNING)

_DAEMON: Final = re.compile(r"(?:mailer-?daemon|postmaster|mail-?daemon|microsoftexchange[0-9a-f]*)@|\A\Z")
_SUBJECT: Final = re.compile(
    r"undeliver|not delivered|delivery (?:status|failure|has failed|problem|incomplete|delay|report|error)|"
    r"mail delivery|failure notice|returned mail|message delayed|delayed mail|warning: (?:could not|message)|"
    r"unzustellbar|nicht zugestellt|non remis|no se (?:puede|pudo) entregar|mancata consegna|"
    r"onbestelbaar|niet bezorgd|delivery temporarily suspended|could not be delivered|undelivered",
    re.IGNORECASE,
)
_DELAY: Final = re.compile(
    r"\bdelay|warning: message|could not send message for past|still (?:being )?(?:retried|trying)|"
    r"will (?:be retried|continue to (?:try|be attempted)|keep trying|try again)|no action is required on your part",
    re.IGNORECASE,
)
_ENHANCED: Final = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY: Final = re.compile(r"(?<![\d.])([45]\d\d)(?=[\s\-:]|$)")
_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"()]+@[^\s@<>,;:\"()\[\]]+\.[^\s@<>,;:\"()\[\]]+")
_ID_LINE: Final = re.compile(r"^[>\s]*Message-ID:\s*(<[^<>\s]{3,500}>)", re.IGNORECASE | re.MULTILINE)
_UNKNOWN_USER: Final = re.compile(
    r"user unknown|unknown user|no such (?:user|recipient|mailbox|person|address)|does ?n[o']t exist|"
    r"mailbox (?:unavailable|not found|unknown)|recipient (?:not found|unknown|rejected)|"
    r"address (?:rejected|not found|unknown)|account (?:disabled|inactive|has been disabled)|"
    r"invalid (?:recipient|address|mailbox)|unrouteable address|host(?: or domain name)? (?:not found|unknown)|"
    r"domain (?:not found|does not exist)|name service error|wasn't found at|couldn't be found|"
    r"konnte nicht gefunden|n'a pas été trouvée|no longer (?:valid|active|works)",
    re.IGNORECASE,
)
_FULL: Final = re.compile(
    r"(?:mailbox|inbox|quota).{0,40}(?:full|exceed)|over ?quota|out of storage", re.IGNORECASE
)
_REFUSED: Final = re.compile(
    r"spam|black ?list|block ?list|blocked|reputation|policy|dmarc|spf|dkim|unauthenticated|spamhaus|"
    r"barracuda|proofpoint|unsolicited|not authorized|access denied",
    re.IGNORECASE,
)
_TOO_FAST: Final = re.compile(
    r"rate limit|too many|unusual rate|throttl|try again later.{0,40}rate", re.IGNORECASE
)
#: How much of a machine's text is searched.
_MAX_TEXT: Final = 20_000


@dataclass(frozen=True, slots=True)
class Bounce:
    """One mail that came back, or is late. ``category`` is a word of ``events.MessageBounced``.

    ``is_permanent`` is about the address: trying it again is pointless. A refusal of the content or of our
    reputation, a full mailbox and a delay are not permanent. ``original_id`` is the id of the mail that came
    back with angle brackets, ``""`` if it does not say.
    """

    recipient: str
    code: str
    reason: str
    category: str
    is_permanent: bool
    original_id: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """A notice that a mail arrived, which is no bounce."""

    recipient: str
    original_id: str


def read_bounce(mail: Mail) -> tuple[Bounce, ...] | Delivered | None:
    """Return what a mail says about the fate of another one, ``None`` if it says nothing of the kind.

    A mail with copies may come back from several recipients at once: each is a bounce of its own.
    """
    status = mail.reports.get("message/delivery-status") or mail.reports.get("message/global-delivery-status")
    if status is not None:
        told = _from_status(status, mail)
        if told is not None:
            return told
    if _looks_returned(mail):
        found = _from_text(mail)
        return (found,) if found is not None else None
    return None


# --- RFC 3464 ---------------------------------------------------------------------------------------


def _from_status(status: Message[Any, Any], mail: Mail) -> tuple[Bounce, ...] | Delivered | None:
    """Read the blocks of a delivery status: the worst fate of any recipient counts, for all who share it."""
    payload = status.get_payload()
    blocks = (
        [Fields(block) for block in payload if isinstance(block, Message)]
        if isinstance(payload, list)
        else []
    )
    told = [block for block in blocks[:50] if "Action" in block or "Status" in block]
    by_action: dict[str, list[Fields]] = {}
    for block in told:
        by_action.setdefault(_action(block), []).append(block)
    for action in ("failed", "delayed"):
        if action in by_action:
            found = [_bounce_of(block, mail, delayed=action == "delayed") for block in by_action[action]]
            return tuple({bounce.recipient: bounce for bounce in reversed(found)}.values())[::-1]
    for action in ("delivered", "relayed", "expanded"):
        if action in by_action:
            return Delivered(_recipient(by_action[action][0]), original_id_of(mail))
    return None


def _action(block: Fields) -> str:
    action = block.raw("Action").split("(")[0].split(";")[0].strip().lower()
    if action in {"error", "failure", "fail"}:
        return "failed"
    if action:
        return action
    return {"2": "delivered", "4": "delayed"}.get(block.raw("Status")[:1], "failed")


def _recipient(block: Fields) -> str:
    for name in ("Original-Recipient", "Final-Recipient", "X-Actual-Recipient"):
        found = _ADDRESS.search(block.raw(name).partition(";")[2] or block.raw(name))
        if found:
            return found.group().lower()[:254]
    return ""


def _bounce_of(block: Fields, mail: Mail, *, delayed: bool) -> Bounce:
    diagnostic = block.raw("Diagnostic-Code").partition(";")[2].strip() or block.raw("Diagnostic-Code")
    # Servers say 5.0.0 or 5.5.0 in the status and what they mean in the diagnostic text.
    given = _ENHANCED.search(block.raw("Status"))
    inner = _ENHANCED.search(diagnostic)
    vague = given is None or given.group(2) == "0" or given.group() in {"5.5.0", "4.5.0", "5.3.0"}
    code = inner.group() if inner and vague else given.group() if given else ""
    reason = diagnostic or first_lines(mail.text)
    return _judged(_recipient(block), code, reason, original_id_of(mail), delayed=delayed)


# --- everything else --------------------------------------------------------------------------------


def _looks_returned(mail: Mail) -> bool:
    """Say whether a mail without a machine-readable status is to be read as a bounce at all.

    The detectors know words, and people quote words: the sender or the envelope must be a machine's.
    """
    fields = mail.fields
    if "X-Failed-Recipients" in fields:
        return True
    senders = fields.mailboxes("From")
    from_daemon = any(_DAEMON.match(sender.address) for sender in senders) or not senders
    empty_envelope = has_null_return_path(fields)
    says_so = bool(_SUBJECT.search(fields.text("Subject")))
    return (from_daemon and (empty_envelope or says_so)) or (empty_envelope and says_so)


def _from_text(mail: Mail) -> Bounce | None:
    text = mail.text[:_MAX_TEXT]
    delayed_ones, failed_ones = _detected(mail)
    named = [box.address for box in mail.fields.mailboxes("X-Failed-Recipients")]
    recipient = next(iter([*named, *failed_ones, *delayed_ones]), "")
    subject = mail.fields.text("Subject")
    if not recipient and not _SUBJECT.search(subject):
        return None
    recipient = recipient or _mentioned(mail)
    delayed = (
        not named and bool(_DELAY.search(f"{subject}\n{text[:2000]}")) and not failed_ones - delayed_ones
    )
    enhanced, plain = _ENHANCED.search(text), _REPLY.search(text)
    code = enhanced.group() if enhanced else plain.group(1) if plain else ""
    return _judged(recipient, code, _reason(text, recipient, code), original_id_of(mail), delayed=delayed)


def _detected(mail: Mail) -> tuple[set[str], set[str]]:
    try:
        temporary, permanent = all_failures(mail.message)
    except Exception:  # noqa: BLE001 - a dozen detectors of old formats, each may trip over hostile input
        return set(), set()
    return _addresses(temporary), _addresses(permanent)


def _addresses(found: frozenset[bytes]) -> set[str]:
    texts = [address.decode("ascii", "replace").lower()[:254] for address in found]
    return {text for text in texts if _ADDRESS.fullmatch(text)}


def _mentioned(mail: Mail) -> str:
    """The recipient of the returned header, or the first address in the text that is not the daemon's."""
    if mail.returned is not None:
        for box in mail.returned.mailboxes("To"):
            return box.address
    own = {box.address for box in mail.fields.mailboxes("From", "To")}
    for found in _ADDRESS.findall(mail.text[:5000])[:20]:
        if found.lower().strip(".'") not in own:
            return str(found.lower().strip(".'"))[:254]
    return ""


def _reason(text: str, recipient: str, code: str) -> str:
    """The sentence around the code, else the lines after the address."""
    lines = [" ".join(line.split()) for line in text.split("\n") if line.strip()]
    for number, line in enumerate(lines):
        if code and code in line:
            return " ".join(lines[number : number + 2])[:500]
    for number, line in enumerate(lines):
        if recipient and recipient in line.lower():
            return " ".join(lines[number : number + 3])[:500]
    return " ".join(lines)[:300]


# --- judgement --------------------------------------------------------------------------------------


def _judged(recipient: str, code: str, reason: str, original_id: str, *, delayed: bool) -> Bounce:
    reason = " ".join(reason.split())[:500]
    if delayed:
        return Bounce(recipient, code, reason, "deferred", False, original_id)
    category = category_of(code, reason)
    permanent = category == "invalid_address" and not code.startswith("4")
    return Bounce(recipient, code, reason, category, permanent, original_id)


def category_of(code: str, reason: str) -> str:
    """Return the stable word for a status code and the words beside it (RFC 3463; Gmail and Exchange codes)."""
    subject = code.split(".")[1] if code.count(".") == 2 else ""
    if code in {"4.7.28", "5.7.28", "421"} or _TOO_FAST.search(reason):
        return "frequency"
    if code.endswith((".2.2", ".5.252")) or _FULL.search(reason):
        return "mailbox"
    # Exchange Online says 5.4.1 and 5.1.10, others 5.7.1 or a bare 550, for an address that is not there.
    if subject == "1" and not code.endswith((".1.7", ".1.8")):
        return "invalid_address"
    if code in {"5.4.1", "5.4.4", "5.2.1"} or _UNKNOWN_USER.search(reason):
        return "invalid_address"
    if subject == "7" or _REFUSED.search(reason):
        return "reputation"
    if subject == "6" or code.endswith((".2.3", ".3.4")):
        return "content"
    return {"2": "mailbox", "3": "technical", "4": "technical", "5": "technical"}.get(subject, "unclassified")


def original_id_of(mail: Mail) -> str:
    """Return the id of the mail that a report is about, ``""`` if it does not say."""
    if mail.returned is not None:
        ids = mail.returned.message_ids("Message-ID", "X-Original-Message-ID")
        if ids:
            return ids[0]
    status = mail.reports.get("message/delivery-status")
    blocks = status.get_payload() if status is not None else []
    for block in [Fields(part) for part in blocks if isinstance(part, Message)][:5]:
        ids = block.message_ids("X-Original-Message-ID", "Original-Message-ID")
        if ids:
            return ids[0]
    ids = mail.fields.message_ids("X-Original-Message-ID", "In-Reply-To", "References")
    if ids:
        return ids[-1]
    quoted = _ID_LINE.search(mail.text[:100_000])
    return short_id(quoted.group(1)) if quoted else ""


def first_lines(text: str) -> str:
    """Return the beginning of a text on one line."""
    return " ".join(text[:600].split())[:300]
