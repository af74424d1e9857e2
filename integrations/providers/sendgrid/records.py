"""SendGrid's records as values: verified senders, suppressions, verdicts on addresses."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from integrations.providers.sendgrid.fields import mapping, moment, text
from integrations.values import (
    Account,
    AccountStatus,
    AddressVerdict,
    ProviderSuppression,
    Raw,
    SenderIdentity,
)

#: Kind of suppression -> path of its list. The sentence behind a bounce or block is its reason.
LISTS: Final = {
    "bounce": "/suppression/bounces",
    "block": "/suppression/blocks",
    "complaint": "/suppression/spam_reports",
    "invalid": "/suppression/invalid_emails",
    "unsubscribe": "/suppression/unsubscribes",
}
_STATUSES: Final = {
    "verified": AccountStatus.OK,
    "pending": AccountStatus.CONNECTING,
    "failed": AccountStatus.ERROR,
}
#: Path of a check in the verdict -> (value that is bad, our word).
_CHECKS: Final[tuple[tuple[str, str, bool, str], ...]] = (
    ("domain", "has_valid_address_syntax", False, "syntax"),
    ("domain", "has_mx_or_a_record", False, "no_mx"),
    ("domain", "is_suspected_disposable_address", True, "disposable"),
    ("local_part", "is_suspected_role_address", True, "role"),
    ("additional", "has_known_bounces", True, "bounced"),
    ("additional", "has_suspected_bounces", True, "may_bounce"),
)
_VERDICTS: Final = frozenset({"valid", "risky", "invalid"})


def identity(raw: Raw, authenticated_domains: Collection[str] = ()) -> SenderIdentity:
    """Read a verified sender. A pending one may send too once its whole domain is authenticated; a locked one
    may not.
    """
    address = text(raw, "from_email").strip().lower()
    domain = address.rpartition("@")[2]
    if raw.get("locked") is True:
        status, word = "failed", "locked"
    elif raw.get("verified") is True:
        status, word = "verified", "verified"
    elif domain and domain in authenticated_domains:
        status, word = "verified", "domain authenticated"
    else:
        status, word = "pending", "not verified"
    return SenderIdentity(
        identity_id=text(raw, "id"),
        address=address,
        name=text(raw, "from_name", "nickname"),
        reply_to=text(raw, "reply_to").strip().lower(),
        status=status,
        raw_status=word,
        raw=raw,
    )


def account(found: SenderIdentity) -> Account:
    """Show an identity as the account that it is to the rooms above."""
    return Account(
        account_id=found.identity_id,
        network="email",
        name=found.name or found.address,
        status=_STATUSES[found.status],
        raw_status=found.raw_status,
        own_user_ids=(found.address,) if found.address else (),
        address=found.address,
        login=found.address,
        raw=found.raw,
    )


def suppression(kind: str, raw: Raw) -> ProviderSuppression:
    """Read an entry of one of the lists."""
    return ProviderSuppression(
        address=text(raw, "email").strip().lower(),
        kind=kind,
        reason=text(raw, "reason"),
        created_at=moment(raw.get("created")),
    )


def verdict(address: str, raw: Raw) -> AddressVerdict:
    """Read the answer about one address; a word that is not known counts as risky."""
    result = mapping(raw.get("result"))
    checks = mapping(result.get("checks"))
    reasons = [word for group, name, bad, word in _CHECKS if mapping(checks.get(group)).get(name) is bad]
    said = text(result, "verdict").lower()
    score: Any = result.get("score")
    is_number = isinstance(score, int | float) and not isinstance(score, bool)
    suggestion = text(result, "suggestion")
    if suggestion and "@" not in suggestion:
        suggestion = f"{text(result, 'local') or address.partition('@')[0]}@{suggestion}"
    return AddressVerdict(
        address=address,
        verdict=said if said in _VERDICTS else "risky",
        reasons=tuple(reasons),
        score=float(score) if is_number else None,
        suggestion=suggestion,
        raw=raw,
    )
