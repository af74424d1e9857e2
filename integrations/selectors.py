"""Reads of integrations: one function per screen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count

from integrations import registry
from integrations.base import Capability
from integrations.models import (
    Connection,
    KillSwitch,
    OutboundMessage,
    SendAttempt,
    SenderAccount,
    WebhookDelivery,
)
from integrations.services import numbers
from integrations.services import switches as switch_service
from project.core.clock import now
from project.core.models import Heartbeat
from project.tenancy.access import Access


def senders(access: Access, client_id: UUID | None = None) -> list[SenderAccount]:
    """Sender accounts within reach."""
    rows = SenderAccount.objects.filter(access.client_filter()).select_related("client", "connection")
    if client_id is not None:
        rows = rows.filter(client_id=client_id)
    return list(rows.order_by("name", "id"))


def visible_sender(access: Access, sender_id: UUID) -> SenderAccount | None:
    """A sender within reach, or ``None``."""
    found: SenderAccount | None = (
        SenderAccount.objects.filter(access.client_filter(), id=sender_id)
        .select_related("client", "connection")
        .first()
    )
    return found


def queues(access: Access) -> dict[str, Any]:
    """The outbox by state, what waits and why, ambiguous sends, deliveries that wait, signs of life,
    switches.
    """
    outbox = OutboundMessage.objects.filter(access.client_filter())
    waiting = outbox.filter(state=OutboundMessage.State.QUEUED)
    return {
        "outbox": dict(outbox.values_list("state").annotate(count=Count("id"))),
        "states": OutboundMessage.State.choices,
        "held": list(
            waiting.exclude(hold_code="")
            .values("hold_code", "hold_reason")
            .annotate(count=Count("id"))
            .order_by("-count")[:10]
        ),
        "oldest": waiting.filter(not_before__lte=now()).order_by("not_before").first(),
        "ambiguous": list(
            outbox.filter(state=OutboundMessage.State.UNKNOWN)
            .select_related("sender")
            .order_by("-updated_at")[:50]
        ),
        "failed": list(
            outbox.filter(state=OutboundMessage.State.FAILED)
            .select_related("sender")
            .order_by("-updated_at")[:20]
        ),
        "deliveries": dict(
            WebhookDelivery.objects.filter(state__in=("received", "processing", "failed", "dead"))
            .values_list("state")
            .annotate(count=Count("id"))
        ),
        "oldest_delivery": WebhookDelivery.objects.filter(
            state__in=("received", "processing"), not_before__lte=now()
        )
        .order_by("received_at")
        .values_list("received_at", flat=True)
        .first(),
        "attempts_today": SendAttempt.objects.filter(started_at__gte=now() - timedelta(days=1)).count(),
        "heartbeats": list(Heartbeat.objects.order_by("name")),
        "now": now(),
    }


def switches(access: Access) -> list[dict[str, Any]]:
    """The kill switches that can be thrown: organization, clients, campaigns, senders; with who is on."""
    rows = KillSwitch.objects.filter(node_id="").select_related("switched_by")
    on = {(row.level, row.target_id): row for row in rows}
    level = KillSwitch.Level
    targets: list[tuple[str, Any]] = []
    if access.client_ids is None:
        targets.append((level.ORGANIZATION, access.organization))
    targets += [(level.CLIENT, client) for client in access.clients().filter(is_archived=False)]
    targets += [(target.level, target) for target in switch_service.targets_of(access)]
    targets += [(level.SENDER, sender) for sender in senders(access)]
    return [
        {
            "level": wanted,
            "label": level(wanted).label,
            "target": target,
            "name": getattr(target, "name", str(target)),
            "channel": target.get_channel_display() if wanted == level.SENDER else "",
            "row": on.get((wanted, target.id)),
        }
        for wanted, target in targets
    ]


def connections(access: Access) -> list[Connection]:
    """Connections within reach; those of the whole organization for members over all clients."""
    rows = Connection.objects.select_related("client").annotate(accounts=Count("senders"))
    if access.client_ids is not None:
        rows = rows.filter(client_id__in=access.client_ids)
    return list(rows.order_by("name", "id"))


def signs_in(connection: Connection) -> bool:
    """Whether owners sign in to accounts of this connection on the provider's page."""
    return registry.can(connection.provider, Capability.CONNECTS_ACCOUNTS)


def verifies_identities(connection: Connection) -> bool:
    """Whether addresses are added to this connection and proven by their owners."""
    return registry.can(connection.provider, Capability.VERIFIES_IDENTITIES)


def identity_connections(access: Access) -> list[Connection]:
    """Connections within reach to which e-mail addresses can be added."""
    return [row for row in connections(access) if verifies_identities(row)]


def number_connections(access: Access) -> list[Connection]:
    """Connections within reach whose telephone numbers can be added."""
    return [row for row in connections(access) if numbers.has_numbers(row)]


def sender_abilities(sender: SenderAccount) -> dict[str, bool]:
    """What can be done about an account that is not connected; reads ``sender.connection``."""
    return {
        "signs_in": signs_in(sender.connection),
        "verifies": verifies_identities(sender.connection),
        "waits_for_proof": verifies_identities(sender.connection)
        and sender.status == SenderAccount.Status.CONNECTING,
    }


def visible_connection(access: Access, connection_id: UUID) -> Connection | None:
    """A connection within reach, or ``None``."""
    return next((row for row in connections(access) if row.id == connection_id), None)
