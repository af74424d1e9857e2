"""Reads about unsubscribes, brakes and what becomes of sends."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from campaigns import identity
from campaigns.models import Brake, Campaign, LeadImport, SendOutcome, Suppression, Unsubscribe
from integrations.models import SenderAccount
from project.core.clock import now
from project.core.ids import parse_uuid
from project.core.pagination import Page, keyset_page
from project.tenancy.access import Access


def brakes(access: Access) -> QuerySet[Brake]:
    """Brakes within reach."""
    rows: QuerySet[Brake] = Brake.objects.filter(access.client_filter()).select_related(
        "client", "released_by"
    )
    return rows


def brake_list(access: Access, *, cursor: str | None) -> Page[Any]:
    """Brakes within reach, newest first, each with the name of what it stops."""
    page = keyset_page(brakes(access), order=("-tripped_at", "-id"), cursor=cursor, limit=50)
    name_targets(page.items)
    return page


def name_targets(rows: list[Any]) -> None:
    """Put a name to what each brake stops; two queries for all."""
    ids: dict[str, set[UUID]] = {"sender": set(), "list": set()}
    for row in rows:
        found = parse_uuid(row.target) if row.scope in ids else None
        if found is not None:
            ids[row.scope].add(found)
    senders = SenderAccount.objects.in_bulk(ids["sender"])
    imports = LeadImport.objects.in_bulk(ids["list"])
    for row in rows:
        target = parse_uuid(row.target)
        named = {"sender": senders, "list": imports}.get(row.scope, {}).get(target)
        row.target_name = getattr(named, "name", None) or getattr(named, "file_name", None) or row.target
        row.is_on = row.released_at is None and (row.ends_at is None or row.ends_at > now())


def brakes_of_campaign(campaign: Campaign) -> list[Brake]:
    """The brakes that stop a campaign's senders or its list now."""
    targets = [str(found) for found in campaign.sender_links.values_list("sender_id", flat=True)]
    if (campaign.audience or {}).get("import_id"):
        targets.append(str(campaign.audience["import_id"]))
    rows = Brake.objects.filter(
        Q(scope=Brake.Scope.DOMAIN) | Q(target__in=targets), client_id=campaign.client_id, released_at=None
    ).exclude(ends_at__lte=now())
    found = list(rows.order_by("-tripped_at", "-id")[:10])
    name_targets(found)
    return found


def suppressions(access: Access) -> QuerySet[Suppression]:
    """Entries of the do-not-contact list within reach; those for all clients are for members over all of them."""
    rows: QuerySet[Suppression] = Suppression.objects.filter(access.client_filter()).select_related("client")
    return rows


def suppression_list(access: Access, *, search: str, cursor: str | None) -> Page[Any]:
    """Entries within reach, newest first, each with ``source_label``, ``was_asked`` (by the person) and ``is_over``."""
    rows = suppressions(access)
    if search:
        rows = rows.filter(value__icontains=search)
    page = keyset_page(rows, order=("-created_at", "-id"), cursor=cursor, limit=50)
    labels = dict(Suppression.Source.choices)
    for row in page.items:
        row.source_label = labels.get(row.source, row.source)
        row.was_asked = row.source in Suppression.ASKED
        row.is_over = row.expires_at is not None and row.expires_at <= now()
    return page


def unsubscribes(access: Access) -> QuerySet[Unsubscribe]:
    """Unsubscribes within reach, those taken back included."""
    rows: QuerySet[Unsubscribe] = Unsubscribe.objects.filter(access.client_filter())
    return rows


def unsubscribe_statistics(
    access: Access, *, by: str, client_id: UUID | None, since: datetime | None
) -> list[dict[str, Any]]:
    """Sends that left, unsubscribes that stand and their rate, by client or by campaign, and how people left."""
    column = "campaign_id" if by == "campaign" else "client_id"
    sends = SendOutcome.objects.filter(access.client_filter())
    wishes = unsubscribes(access).filter(undone_at=None)
    if client_id is not None:
        sends, wishes = sends.filter(client_id=client_id), wishes.filter(client_id=client_id)
    if since is not None:
        sends, wishes = sends.filter(sent_at__gte=since), wishes.filter(occurred_at__gte=since)
    sent = dict(sends.order_by().values_list(column).annotate(count=Count("id")))
    found: dict[Any, dict[str, int]] = {}
    for key, how, count in wishes.order_by().values_list(column, "how").annotate(count=Count("id")):
        found.setdefault(key, {})[how] = count
    rows = []
    for key in sorted({*sent, *found}, key=str):
        how = found.get(key, {})
        total = sum(how.values())
        rows.append(
            {
                "id": key,
                "sent": sent.get(key, 0),
                "unsubscribed": total,
                "rate": round(total / sent[key], 6) if sent.get(key) else None,
                "how": how,
            }
        )
    return rows


def address_status(access: Access, *, channel: str, address: str, client_id: UUID | None) -> dict[str, Any]:
    """Whether an address may be written to, by client, and why not. Raises ``identity.InvalidAddress``."""
    value = {
        "email": identity.email_address,
        "sms": identity.phone_number,
        "linkedin": identity.linkedin_identifier,
    }[channel](address)
    domains = [value.rpartition("@")[2]] if "@" in value else []
    # An empty condition would vanish in an "or".
    within = Q() if access.whole_organization else Q(client_id=None) | access.client_filter()
    rows = (
        Suppression.objects.filter(within, channel=channel)
        .filter(Q(expires_at=None) | Q(expires_at__gt=now()))
        .filter(Q(is_domain=False, value=value) | Q(is_domain=True, value__in=domains))
    )
    if client_id is not None:
        rows = rows.filter(Q(client_id=client_id) | Q(client_id=None))
    wishes = unsubscribes(access).filter(channel=channel, value=value)
    if client_id is not None:
        wishes = wishes.filter(client_id=client_id)
    suppressions = list(rows.order_by("created_at", "id")[:50])
    return {
        "channel": channel,
        "address": value,
        "suppressed": bool(suppressions),
        "suppressions": suppressions,
        "unsubscribes": list(wishes.order_by("-occurred_at", "-id")[:50]),
    }
