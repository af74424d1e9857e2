"""Hygiene of webhooks: whether what is registered at each provider is what is needed, and whether calls come at all.

A check keeps what it found with the connection. Silence is told by the provider's own records: a poll saw a message
that no webhook told of. Both are said on the page, by the API, and to the rooms above by events.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Min, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Greatest

from integrations import registry, streams
from integrations.base import Capability
from integrations.domain_events import WebhooksFellSilent
from integrations.errors import ProviderError
from integrations.models import Connection, ProviderEvent, SenderAccount, WebhookDelivery
from integrations.services import connections, freshness, hygiene_findings, readers, webhook_passes
from integrations.services.hygiene_findings import Checked
from integrations.values import WebhookFinding
from project.core.clock import now
from project.core.events import publish
from project.core.scoping import organization_scope
from project.tenancy.models import User

log = structlog.get_logger(__name__)

#: How often registrations are looked at, and how soon again where something was wrong.
CHECK_EVERY: Final = timedelta(hours=1)
CHECK_BAD_EVERY: Final = timedelta(minutes=10)
#: A webhook may be this much later than the message that it tells of.
SILENCE_GRACE: Final = timedelta(minutes=5)
#: Polled messages older than this say nothing about webhooks now.
SILENCE_WINDOW: Final = timedelta(days=1)


def is_managed(connection: Connection) -> bool:
    """Whether we can see and mend what is registered at the provider."""
    return registry.can(connection.provider, Capability.MANAGES_WEBHOOKS)


def check(*, connection: Connection) -> Checked:
    """Compare what is registered at the provider with what is needed and keep what was found.

    Where webhooks are registered with each campaign that is asked for only (``webhook_passes``): what is returned is
    then what was known before.
    """
    if webhook_passes.is_by_campaign(connection):
        webhook_passes.request(connection=connection, mend=False)
        return hygiene_findings.known(connection)
    try:
        found = connections.webhook_findings(connection)
    except ProviderError as error:
        return hygiene_findings.keep(connection, [], error.message)
    return hygiene_findings.keep(connection, hygiene_findings.as_json(found), "")


def mend(*, connection: Connection, actor: User | None) -> tuple[WebhookFinding, ...] | None:
    """Mend what is registered until there is exactly one of each, and look again; return what was mended.

    ``None`` where that goes on campaign by campaign (``webhook_passes``). Raises ``ProviderError``; what is known of
    the registrations is then what it was.
    """
    if webhook_passes.is_by_campaign(connection):
        webhook_passes.request(connection=connection, mend=True, actor=actor)
        return None
    mended = connections.ensure_webhooks(connection=connection, actor=actor)
    check(connection=connection)
    return mended


def rotate_secret(*, connection: Connection, actor: User) -> tuple[WebhookFinding, ...] | None:
    """Give the connection a new webhook secret and register it; return what was mended, ``None`` as ``mend`` does.

    The old secret stays valid until the next rotation. Raises ``ProviderError``; the new one is stored even then.
    """
    connections.replace_webhook_secret(connection=connection, actor=actor)
    return mend(connection=connection, actor=actor)


def due(*, limit: int) -> list[tuple[UUID, UUID]]:
    """Return connection and organization of those to look at, longest waiting first. Runs over all organizations."""
    at = now()
    managed = [one.kind for one in registry.providers() if Capability.MANAGES_WEBHOOKS in one.capabilities]
    bad = ~Q(webhook_findings=[]) | ~Q(webhooks_check_error="")
    old = Q(webhooks_checked_at=None) | Q(webhooks_checked_at__lte=at - CHECK_EVERY)
    rows = Connection.objects.filter(old | (bad & Q(webhooks_checked_at__lte=at - CHECK_BAD_EVERY)))
    rows = rows.filter(
        webhooks_pass={}, provider__in=managed, status=Connection.Status.OK, organization__is_active=True
    )
    order = F("webhooks_checked_at").asc(nulls_first=True)
    return list(rows.order_by(order, "id").values_list("id", "organization_id")[:limit])


def watch_silence() -> int:
    """Find accounts that the provider's records show to be alive and that no webhook told of; return how many fell
    silent. Runs over all organizations.
    """
    at = now()
    found = [*_unheard(at, is_shared=False), *_unheard(at, is_shared=True)]
    for sender_id, organization_id, since in found:
        with organization_scope(organization_id), transaction.atomic():
            sender = SenderAccount.objects.select_related("connection").get(id=sender_id)
            if not SenderAccount.objects.filter(id=sender_id, webhooks_silent_since=None).update(
                webhooks_silent_since=since
            ):
                continue
            sender.webhooks_silent_since = since
            publish(WebhooksFellSilent(sender=sender, since=since))
            streams.endpoints_changed(sender.connection_id)
            streams.sync_changed(sender.id)
            log.warning("webhook.silent", sender=str(sender_id), since=since.isoformat())
    return len(found)


def _unheard(at: datetime, *, is_shared: bool) -> Any:
    """Accounts not known to be silent, with the oldest message that a poll saw after the last webhook.

    Of accounts that are read together (``is_shared``) only what people wrote counts: campaign providers do not tell of
    every answer of our own nor, where a campaign says so, of machines' notes.
    """
    kinds = [
        one.kind
        for one in registry.providers()
        if readers.can_read(one.kind)
        and freshness.is_told(one.kind)
        and readers.is_shared(one.kind) is is_shared
    ]
    theirs = {"payload__direction": "inbound", "payload__is_automatic": False} if is_shared else {}
    told_until = Greatest(
        Coalesce(OuterRef("last_webhook_at"), OuterRef("created_at")), OuterRef("created_at")
    )
    seen = (
        ProviderEvent.objects.filter(
            sender_id=OuterRef("id"),
            organization_id=OuterRef("organization_id"),
            source=ProviderEvent.Source.POLL,
            kind="message_received",
            occurred_at__gt=told_until,
            occurred_at__range=(at - SILENCE_WINDOW, at - SILENCE_GRACE),
            recorded_at__gte=at - SILENCE_WINDOW,
            **theirs,
        )
        .order_by()
        .values("sender_id")
        .annotate(first=Min("occurred_at"))
        .values("first")
    )
    # Calls that are in and not worked on yet are not silence.
    waiting = WebhookDelivery.objects.filter(
        state__in=["received", "processing", "failed"], not_before__lte=at + timedelta(hours=1)
    )
    rows = SenderAccount.objects.filter(
        webhooks_silent_since=None,
        status=SenderAccount.Status.OK,
        connection__provider__in=kinds,
        connection__status=Connection.Status.OK,
    )
    rows = rows.exclude(connection_id__in=waiting.exclude(connection_id=None).values("connection_id"))
    rows = rows.annotate(unheard=Subquery(seen)).exclude(unheard=None)
    return rows.values_list("id", "organization_id", "unheard")[:500]
