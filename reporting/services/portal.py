"""The client's side: what its people see of replies, and their word on who is qualified."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from django.db import transaction

from campaigns.events import DealChanged
from campaigns.replies.intents import POSITIVE, Intent
from inbox.events import NoteShownChanged
from inbox.file_types import shown_type
from inbox.models import Conversation, Note
from inbox.services import notes, steering
from project.core.clock import now
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.access import Access
from project.tenancy.models import Client
from reporting import brand, streams
from reporting.models import ClientLogo, Fact, PortalPolicy, ReplyVerdict
from reporting.services import facts

LOGO_BYTES: Final = 200 * 1024
LOGO_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/webp"})


def policy_of(client: Client) -> PortalPolicy:
    """The client's policy, or the defaults (not stored)."""
    found: PortalPolicy = PortalPolicy.objects.filter(client=client).first() or PortalPolicy(client=client)
    return found


@transaction.atomic
def set_policy(
    *,
    access: Access,
    client: Client,
    shows_replies: bool,
    hides_addresses: bool,
    shows_deals: bool | None = None,
    brand_colour: str | None = None,
) -> PortalPolicy:
    """Say what the client's people see of replies and (``None``: as before) of deals, and in which colour.

    An empty colour is that of the client's mark. Raises ``Invalid``.
    """
    wanted: dict[str, Any] = {"shows_replies": shows_replies, "hides_addresses": hides_addresses}
    wanted |= {} if shows_deals is None else {"shows_deals": shows_deals}
    if brand_colour is not None:
        wanted["brand_colour"] = brand.parsed(brand_colour)
        if wanted["brand_colour"] is None:
            raise Invalid("A colour is written like #1f6feb.", field="brand_colour")
    row: PortalPolicy = PortalPolicy.objects.update_or_create(client=client, defaults=wanted)[0]
    audit.record(actor=access.user, action="portal.policy_set", client_id=client.id, **wanted)
    streams.report_changed(client.id)
    return row


@transaction.atomic
def set_logo(*, access: Access, client: Client, data: bytes) -> ClientLogo:
    """Put the client's mark on its pages. Raises ``Invalid`` by the policy for size and type.

    The type is what the bytes prove, never what the name or the browser says; vector images can hold scripts.
    """
    kind = shown_type(data)
    if kind not in LOGO_TYPES:
        raise Invalid("A logo is a PNG, JPEG or WebP image.", field="logo")
    if len(data) > LOGO_BYTES:
        raise Invalid(f"A logo has at most {LOGO_BYTES // 1024} KiB; make it smaller.", field="logo")
    values = {"content_type": kind, "data": data, "digest": hashlib.sha256(data).hexdigest()[:16]}
    row: ClientLogo = ClientLogo.objects.update_or_create(client=client, defaults=values)[0]
    audit.record(actor=access.user, action="portal.logo_set", client_id=client.id, digest=row.digest)
    return row


@transaction.atomic
def remove_logo(*, access: Access, client: Client) -> None:
    """Show the client's initial in its colour instead. Harmless twice."""
    if ClientLogo.objects.filter(client=client).delete()[0]:
        audit.record(actor=access.user, action="portal.logo_removed", client_id=client.id)


@transaction.atomic
def comment(*, access: Access, conversation: Conversation, text: str) -> Note:
    """Say something about a reply that the client's people and the agency both read: a note in the thread that is
    shown to the client. Raises ``Invalid``.
    """
    if not conversation.has_inbound:
        raise Invalid("Nobody has replied in this conversation.", field="comment")
    note = notes.add_note(conversation_id=conversation.id, author=access.user, body=text, show_to_client=True)
    audit.record(
        actor=access.user, action="reply.commented", subject=conversation, client_id=conversation.client_id
    )
    return note


def on_deal(event: DealChanged) -> None:
    """Show what deals are worth on open reports."""
    streams.report_changed(event.client_id)


def on_note_shown(event: NoteShownChanged) -> None:
    """Show a note on the client's open pages, or take it off them."""
    streams.report_changed(event.conversation.client_id)


@transaction.atomic
def judge(*, access: Access, conversation: Conversation, verdict: str, text: str = "") -> ReplyVerdict:
    """Say whether whoever replied is qualified. Raises ``Invalid``.

    The word corrects what the reply was read as, so that it counts for the wording that it answers; a ``text`` becomes
    a comment. The latest word counts.
    """
    if verdict not in ReplyVerdict.Verdict.values:
        raise Invalid(f"A verdict is one of {', '.join(ReplyVerdict.Verdict.values)}.", field="verdict")
    if not conversation.has_inbound:
        raise Invalid("Nobody has replied in this conversation.", field="verdict")
    at = now()
    row: ReplyVerdict = ReplyVerdict.objects.update_or_create(
        conversation=conversation,
        defaults={
            "client_id": conversation.client_id,
            "verdict": verdict,
            "decided_by": access.user,
            "decided_at": at,
        },
    )[0]
    is_qualified = verdict == ReplyVerdict.Verdict.QUALIFIED
    if is_qualified != (conversation.intent in POSITIVE):
        intent = Intent.INTERESTED if is_qualified else Intent.NOT_INTERESTED
        steering.correct_intent(conversation_id=conversation.id, intent=intent.value, actor=access.user)
    key = f"{conversation.id}:verdict"
    kinds = (Fact.Kind.QUALIFIED, Fact.Kind.DISQUALIFIED)
    facts.take_back(Fact.objects.filter(client_id=conversation.client_id, kind__in=kinds, key=key))
    facts.record(
        kind=verdict,
        key=key,
        occurred_at=at,
        client_id=conversation.client_id,
        campaign_id=conversation.campaign_id,
        enrollment_id=conversation.enrollment_id,
        lead_id=conversation.lead_id,
        sender_id=conversation.sender_id,
        conversation_id=conversation.id,
        channel=conversation.channel,
    )
    if text.strip():
        comment(access=access, conversation=conversation, text=text)
    audit.record(
        actor=access.user, action="reply.judged", subject=conversation, client_id=conversation.client_id,
        verdict=verdict,
    )  # fmt: skip
    streams.report_changed(conversation.client_id)
    return row
