"""Twilio's REST objects as values."""

from __future__ import annotations

from integrations.providers.twilio.fields import mapping, moment, text
from integrations.values import Account, AccountStatus, Raw, SendReceipt

_FRIENDLY = {
    "VERIFIED": "approved",
    "APPROVED": "approved",
    "PENDING": "pending",
    "IN_PROGRESS": "pending",
    "IN_REVIEW": "pending",
    "FAILED": "failed",
    "REJECTED": "failed",
    "SUSPENDED": "failed",
}


def chat_id(account_id: str, their_number: str) -> str:
    """Return the id of the conversation of an account (number or service) with a number."""
    return f"{account_id}:{their_number}"


def a2p_status(raw_status: str) -> str:
    """Return ``approved``, ``pending``, ``failed`` or the vendor's own word in lower case."""
    return _FRIENDLY.get(raw_status.upper(), raw_status.lower())


def number(raw: Raw, options: dict[str, str]) -> Account:
    """Read a telephone number of the account; ``options`` is what is known of its messaging service."""
    address = text(raw, "phone_number")
    can_send = mapping(raw.get("capabilities")).get("sms") is not False
    return Account(
        account_id=address,
        network="sms",
        name=text(raw, "friendly_name") or address,
        status=AccountStatus.OK if can_send else AccountStatus.ERROR,
        raw_status=text(raw, "status") or ("sms" if can_send else "no sms"),
        own_user_ids=(address,),
        address=address,
        options=options,
        created_at=moment(raw.get("date_created")),
        raw=raw,
    )


def service(raw: Raw, options: dict[str, str]) -> Account:
    """Read a messaging service: Twilio picks one of its numbers for each recipient."""
    sid = text(raw, "sid")
    return Account(
        account_id=sid,
        network="sms",
        name=text(raw, "friendly_name") or sid,
        status=AccountStatus.OK,
        raw_status=text(raw, "usecase"),
        own_user_ids=(sid,),
        options=options,
        created_at=moment(raw.get("date_created")),
        raw=raw,
    )


def receipt(raw: Raw, account_id: str, their_number: str) -> SendReceipt:
    """Read the answer to a send, or the record of one."""
    sid = text(raw, "sid")
    return SendReceipt(
        message_id=sid, provider_message_id=sid, chat_id=chat_id(account_id, their_number), raw=raw
    )
