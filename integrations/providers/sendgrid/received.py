"""Whose mail an Inbound Parse call is, and what it comes to.

The envelope decides, plus-tags aside; a mail to an address that is none of ours (a catch-all, an old reply
address) still belongs to the account that wrote the mail which it answers.
"""

from __future__ import annotations

from datetime import datetime
from email.parser import BytesHeaderParser
from typing import Final

from integrations.base import MessageKnowledge
from integrations.events import Event, Normalised
from integrations.mail.headers import Fields
from integrations.mail.inbound import parse_inbound, references_of
from integrations.providers.sendgrid.fields import PROVIDER
from integrations.providers.sendgrid.inbound_mail import NAME, Inbound, without_tag

#: More of our accounts than this are not written to by one mail.
_MAX_RECIPIENTS: Final = 50


def from_mail(inbound: Inbound, *, received_at: datetime, knowledge: MessageKnowledge) -> Normalised:
    """Turn a mail into the events of each account that it came to. Raises ``ProviderError`` of kind
    ``validation`` for what cannot be read as mail.
    """
    accounts = _accounts(inbound, knowledge)
    if not accounts:
        named = ", ".join(inbound.recipients[:3]) or "nobody"
        return Normalised(ignored=f"No sender account here has the address {named[:200]}.")
    found: list[Event] = []
    reasons: list[str] = []
    for account_id, address in accounts.items():
        own = {item for item in knowledge.own_user_ids(account_id) if "@" in item}
        told = parse_inbound(
            inbound.mail,
            account_id=account_id,
            provider=PROVIDER,
            own_addresses=own | {address, without_tag(address)},
            received_at=received_at,
            knowledge=knowledge,
            envelope_to=address,
            raw_type=NAME,
        )
        found += told.events
        reasons.append(told.ignored)
    return Normalised(events=tuple(found), ignored="" if found else " ".join(dict.fromkeys(reasons)))


def _accounts(inbound: Inbound, knowledge: MessageKnowledge) -> dict[str, str]:
    """Account -> the address by which it was written to."""
    found: dict[str, str] = {}
    for address in inbound.recipients[:_MAX_RECIPIENTS]:
        account_id = knowledge.account_of_address(address) or knowledge.account_of_address(
            without_tag(address)
        )
        if account_id:
            found.setdefault(account_id, address)
    if not found and inbound.recipients:
        answered = references_of(Fields(BytesHeaderParser().parsebytes(inbound.mail)))
        account_id = knowledge.account_of_message(frozenset(answered))
        if account_id:
            found[account_id] = inbound.recipients[0]
    return found
