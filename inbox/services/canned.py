"""Canned replies: texts that people use again, and filling in what variables stand for, for one conversation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from campaigns.rendering import KNOWN_VARIABLES, TemplateError, UnfilledVariable, lint, render
from campaigns.services.messages import context_for_lead
from campaigns.services.outreach import policy_of
from inbox.models import CannedReply, Conversation
from integrations.models import SenderAccount
from integrations.models.connections import Channel
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import Client, User

MAX_LENGTH: Final = 8000
#: What a preview writes where a variable has no value; it never leaves.
_HOLE: Final = re.compile(r"\[(?:lead|company|sender|client|custom)\.[^\[\]\n]{1,60}\]")
#: An unsubscribe link belongs to a campaign's message; people's replies carry none.
VARIABLES: Final = frozenset(KNOWN_VARIABLES) - {"unsubscribe_url"}


@dataclass(frozen=True, slots=True)
class Filled:
    """A text as it would leave, and the variables that have no value."""

    text: str
    missing: tuple[str, ...] = ()


def offered(*, conversation: Conversation, user: User) -> list[CannedReply]:
    """The canned replies that somebody may use in a conversation: their own, the client's, the team's."""
    return list(
        CannedReply.objects.filter(
            Q(client_id=conversation.client_id) | Q(client=None), Q(owner=user) | Q(owner=None)
        )
        .filter(Q(channel="") | Q(channel=conversation.channel))
        .order_by("-uses", "name", "id")[:100]
    )


@transaction.atomic
def save(
    *,
    canned: CannedReply | None,
    name: str,
    body: str,
    client: Client | None,
    owner: User | None,
    channel: str,
    actor: User,
) -> CannedReply:
    """Make or change a canned reply. Raises ``Invalid`` for a name that is taken and for a text that cannot be used."""
    title, text = " ".join(name.split()), body.replace("\r\n", "\n").strip()
    if not title or len(title) > 60:
        raise Invalid("A name has 1 to 60 characters.", field="name")
    if not text or len(text) > MAX_LENGTH:
        raise Invalid(f"A text has 1 to {MAX_LENGTH:,} characters.", field="body")
    if channel and channel not in Channel.values:
        raise Invalid("There is no such channel.", field="channel")
    problems = lint(text, VARIABLES) if _is_template(text) else ()
    if problems:
        raise Invalid(f"Line {problems[0].line}: {problems[0].message}", field="body")
    row = canned or CannedReply()
    row.name, row.body, row.client, row.owner, row.channel = title, text, client, owner, channel
    row.changed_by = actor
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Invalid(f"There is a canned reply called {title} already.", field="name") from error
    audit.record(actor=actor, action="canned_reply.saved", subject=row, name=title)
    return row


@transaction.atomic
def delete(*, canned: CannedReply, actor: User) -> None:
    """Throw a canned reply away; what was sent with it stays as it is."""
    audit.record(actor=actor, action="canned_reply.deleted", subject=canned, name=canned.name)
    canned.delete()


def count_use(canned_id: UUID) -> None:
    """A reply made of it was sent."""
    CannedReply.objects.filter(id=canned_id).update(uses=F("uses") + 1)


def fill(text: str, *, conversation: Conversation, sender: SenderAccount | None = None) -> Filled:
    """Fill in variables for a preview: those without a value are shown as ``[lead.first_name]`` and named.

    Raises ``Invalid`` for a text that cannot be used.
    """
    if not _is_template(text):
        return Filled(text, tuple(found[1:-1] for found in _HOLE.findall(text)))
    try:
        rendered = render(text, _context(conversation, sender), seed=str(conversation.id), strict=False)
    except TemplateError as error:
        raise Invalid(f"The text cannot be used: {error}", field="body") from error
    return Filled(rendered.text, rendered.missing)


def finished(text: str, *, conversation: Conversation, sender: SenderAccount | None = None) -> str:
    """Return a text as it leaves. Raises ``Invalid`` where a variable has no value: that never leaves."""
    if _is_template(text):
        try:
            text = render(text, _context(conversation, sender), seed=str(conversation.id)).text
        except UnfilledVariable as error:
            raise Invalid(
                f"There is no value for {', '.join(error.names)}. Write it yourself; nothing was sent.",
                code="UNFILLED_VARIABLE",
                field="body",
            ) from error
        except TemplateError as error:
            raise Invalid(f"The text cannot be used: {error} Nothing was sent.", field="body") from error
    hole = _HOLE.search(text)
    if hole is not None:
        raise Invalid(
            f"{hole[0]} has not been filled in. Write it yourself; nothing was sent.",
            code="UNFILLED_VARIABLE",
            field="body",
        )
    return text


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


def _context(conversation: Conversation, sender: SenderAccount | None) -> dict[str, Any]:
    lead = conversation.lead
    if lead is None:
        client = Client.objects.get(id=conversation.client_id)
        return {"client": {"name": client.name}}
    context = context_for_lead(lead, sender or conversation.sender)
    context["client"]["postal_address"] = policy_of(conversation.client_id).postal_address
    return context
