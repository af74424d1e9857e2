"""What Resend reports about the installation's own mail: ``/webhooks/resend/<RESEND_WEBHOOK_KEY>``.

One call is one event; it is proven, applied to its row and answered at once, in one transaction. Resend repeats what
was not answered with 200, so that nothing is kept here but the row's own history, by the call's id.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from integrations import events, registry
from integrations.base import NoKnowledge, ReceivesWebhooks, require
from integrations.domain_events import SystemMailRefused
from integrations.errors import ProviderError, WebhookRefusedError
from integrations.models import SystemMail
from project.core.clock import now
from project.core.events import publish

KEPT_EVENTS: Final = 50
State = SystemMail.State
#: The higher one stays: reports come in any order.
_RANK: Final = {
    State.QUEUED: 0,
    State.SENDING: 0,
    State.SENT: 1,
    State.FAILED: 2,
    State.DELIVERED: 3,
    State.BOUNCED: 4,
    State.COMPLAINED: 5,
}


def is_ours(provider: str, key: str) -> bool:
    """Say whether an address is the installation's own rather than a connection's."""
    known = settings.RESEND_WEBHOOK_KEY
    return provider == "resend" and bool(known) and hmac.compare_digest(key.encode(), known.encode())


def receive(*, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
    """Take in one call; return the HTTP status and a word. Never raises for what a caller may send."""
    receiver = require(registry.adapter_for("resend", credentials={}), ReceivesWebhooks)
    try:
        receiver.verify_webhook(url=url, headers=headers, body=body, secrets=settings.RESEND_WEBHOOK_SECRETS)
        told = receiver.normalise(body, headers=headers, received_at=now(), knowledge=NoKnowledge())
    except WebhookRefusedError as refused:
        return (503, "not ready") if refused.fault_is_ours else (401, "refused")
    except ProviderError:
        return 200, "not read"
    if not told.events:
        return 200, "ignored"
    call_id = next((value for name, value in headers.items() if name.lower() == "svix-id"), "")
    word = "unknown"
    for event in told.events:
        if isinstance(event, events.MessageEvent):
            word = _apply(event, call_id)
    return 200, word


@transaction.atomic
def _apply(event: events.MessageEvent, call_id: str) -> str:
    own = Q(provider_id=event.message_id)
    with suppress(ValueError):  # what comes back as ours may be anything
        own |= Q(id=UUID(event.send_id))
    mail = SystemMail.objects.select_for_update().filter(own).order_by("created_at").first()
    if mail is None:
        return "unknown"
    if any(call_id and entry.get("id") == call_id for entry in mail.events):
        return "repeated"
    mail.events = [*mail.events, _entry(event, call_id)][-KEPT_EVENTS:]
    state = _state_of(event)
    if state is not None and _RANK[state] > _RANK[State(mail.state)]:
        mail.state = state
        mail.claimed_until = None
        mail.content = ""
    if mail.sent_at is None:
        mail.sent_at = event.occurred_at
    mail.provider_id = mail.provider_id or event.message_id[:200]
    mail.transport = mail.transport or "resend"
    if state in {State.BOUNCED, State.FAILED}:
        mail.error = str(getattr(event, "reason", ""))[:500]
    mail.save()
    if state in {State.BOUNCED, State.COMPLAINED}:
        publish(SystemMailRefused(key=mail.key, kind=mail.kind, is_complaint=state is State.COMPLAINED))
    return "applied"


def _entry(event: events.MessageEvent, call_id: str) -> dict[str, Any]:
    detail = getattr(event, "reason", "") or getattr(event, "url", "")
    return {
        "id": call_id,
        "kind": event.raw_type,
        "at": event.occurred_at.isoformat(),
        "detail": str(detail)[:300],
    }


def _state_of(event: events.MessageEvent) -> SystemMail.State | None:
    """What a report makes of a mail; openings and delays are history only."""
    match event:
        case events.MessageDelivered() | events.MessageOpened() | events.LinkClicked():
            return State.DELIVERED
        case events.MessageBounced(is_permanent=True):
            return State.BOUNCED
        case events.SpamComplained():
            return State.COMPLAINED
        case events.MessageFailed():
            return State.FAILED
        case _:
            return None
