"""Copies of an e-mail: who else gets it, seen by everybody (Cc) or by nobody (Bcc)."""

from __future__ import annotations

import re
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Case, When

from campaigns.services.suppression import suppression_of_value
from inbox.models import Conversation, Message
from project.core.refusals import Invalid

#: Copies of one e-mail, Cc and Bcc together.
MOST: Final = 20
_APART: Final = re.compile(r"[,;\s]+")
_IN_BRACKETS: Final = re.compile(r"(?:\"[^\"]*\"\s*|[^,;<>\"]*)<([^<>\s]+)>")


def addresses(text: str, *, field: str = "cc") -> list[str]:
    """The addresses in what somebody typed: ``ana@x.example, "Berg, Tom" <tom@x.example>``. Raises ``Invalid``."""
    parts = [part for part in _APART.split(_IN_BRACKETS.sub(r" \1 ", text)) if part]
    found = list(dict.fromkeys(part.lower() for part in parts))
    for address in found:
        try:
            validate_email(address)
        except ValidationError as error:
            raise Invalid(
                f"“{address[:80]}” is not an e-mail address. Nothing was sent.", field=field
            ) from error
    return found


def checked(conversation: Conversation, cc: list[str], bcc: list[str]) -> tuple[list[str], list[str]]:
    """``cc`` and ``bcc`` without whoever gets the e-mail anyway.

    Raises ``Invalid`` on other channels, for too many, and for people who asked not to be written to.
    """
    if not cc and not bcc:
        return [], []
    if conversation.channel != "email":
        raise Invalid("Only e-mails have copies. Nothing was sent.", field="cc")
    known = {conversation.answers_to.lower(), conversation.sender.address.lower()}
    shown = [address for address in cc if address not in known]
    hidden = [address for address in bcc if address not in {*known, *shown}]
    if len(shown) + len(hidden) > MOST:
        raise Invalid(f"An e-mail has at most {MOST} copies. Nothing was sent.", field="cc")
    for field, group in (("cc", shown), ("bcc", hidden)):
        for address in group:
            if suppression_of_value(client_id=conversation.client_id, channel="email", value=address):
                raise Invalid(
                    f"{address} must not be written to. Take them off the copies. Nothing was sent.",
                    field=field,
                )
    return shown, hidden


def offered(conversation: Conversation) -> list[str]:
    """Who else was written to in their last e-mail, and so gets a copy of the answer unless its writer takes them off.

    Where a colleague answered, whom the thread began with is one of them.
    """
    if conversation.channel != "email":
        return []
    theirs = Message.objects.filter(conversation=conversation, direction=Message.Direction.INBOUND)
    by_author = Case(When(sender_address=conversation.answers_to.lower(), then=0), default=1)
    last = theirs.order_by(by_author, "-occurred_at", "-id").values_list("copied_to", flat=True).first()
    known = {conversation.answers_to.lower(), conversation.sender.address.lower()}
    others = [*(last or ()), *([conversation.counterpart_id] if conversation.answer_address else [])]
    return [address for address in dict.fromkeys(map(str.lower, others)) if address not in known]
