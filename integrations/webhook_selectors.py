"""Reads of webhooks: deliveries and what became of them, dead letters, replays, endpoints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import Aggregate, Count, F, FloatField, Func, Max, Min, Q, QuerySet
from django.utils.timezone import localtime

from integrations import registry
from integrations.base import Capability
from integrations.models import Connection, ProviderEvent, ReplayRun, SenderAccount, WebhookDelivery
from integrations.services import connections, hygiene
from integrations.webhook_filters import Filter, with_reason, within
from integrations.webhook_search import proofs_of
from project.core.clock import now
from project.core.http import Redactor
from project.core.pagination import Page, keyset_page
from project.core.scoping import platform_scope
from project.tenancy.access import Access
from project.tenancy.models import Organization

State = WebhookDelivery.State
PAGE: Final = 50
#: Groups of dead letters that are shown, and how far back refused and dead calls are counted.
GROUPS: Final = 20
RECENT: Final = timedelta(days=1)
#: Over how long lag and rate are measured.
WINDOW: Final = timedelta(minutes=5)
MAX_EVENTS: Final = 100
BODY_SHOWN: Final = 20_000


def deliveries(access: Access, criteria: Filter, cursor: str | None) -> Page[Any]:
    """Deliveries within reach that the filter takes, newest first, each with its provider's ``label``. Raises
    ``InvalidCursor``.
    """
    rows = criteria.rows(access.client_ids).defer("body", "headers")
    page = keyset_page(rows, order=("-received_at", "-id"), cursor=cursor, limit=PAGE)
    for row in page.items:
        row.label = registry.label_of(row.provider)
    return page


@dataclass(frozen=True, slots=True)
class Figures:
    """How intake is doing: calls a minute, how long they take (95th percentile, seconds), what waits and what died."""

    per_minute: float
    lag: float | None
    waiting: int
    oldest_waiting: datetime | None
    retrying: int
    dead: int
    dead_today: int
    refused_today: int


class _Percentile(Aggregate):
    """The 95th percentile."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(0.95) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


def figures(access: Access) -> Figures:
    """The figures of the strip above the deliveries, in two statements."""
    at = now()
    rows = within(access.client_ids)
    recent = rows.filter(received_at__gte=at - RECENT).aggregate(
        calls=Count("id", filter=Q(received_at__gte=at - WINDOW)),
        dead=Count("id", filter=Q(state=State.DEAD)),
        refused=Count("id", filter=Q(state=State.REJECTED, attempts=0)),
        lag=_Percentile(
            Func(
                F("processed_at") - F("received_at"),
                template="EXTRACT(EPOCH FROM %(expressions)s)",
                output_field=FloatField(),
            ),
            filter=Q(received_at__gte=at - WINDOW, replay_count=0, attempts__gt=0),
        ),
    )
    unfinished = rows.filter(
        state__in=[State.RECEIVED, State.PROCESSING, State.FAILED, State.DEAD]
    ).aggregate(
        waiting=Count("id", filter=Q(state__in=[State.RECEIVED, State.PROCESSING])),
        oldest=Min("received_at", filter=Q(state__in=[State.RECEIVED, State.PROCESSING])),
        retrying=Count("id", filter=Q(state=State.FAILED)),
        dead=Count("id", filter=Q(state=State.DEAD)),
    )
    return Figures(
        per_minute=recent["calls"] / (WINDOW.total_seconds() / 60),
        lag=recent["lag"],
        waiting=unfinished["waiting"],
        oldest_waiting=unfinished["oldest"],
        retrying=unfinished["retrying"],
        dead=unfinished["dead"],
        dead_today=recent["dead"],
        refused_today=recent["refused"],
    )


def dead_letters(access: Access) -> list[dict[str, Any]]:
    """Dead deliveries by provider, event and reason, the most first: ``provider``, ``event_type``, ``why``, ``count``,
    ``first`` and ``last`` time of receipt.
    """
    rows = with_reason(within(access.client_ids).filter(state=State.DEAD))
    grouped = rows.order_by().values("provider", "event_type", "why")
    counted = grouped.annotate(count=Count("id"), first=Min("received_at"), last=Max("received_at"))
    return list(counted.order_by("-count", "provider", "event_type", "why")[:GROUPS])


def visible_delivery(access: Access, delivery_id: UUID) -> WebhookDelivery | None:
    """A delivery within reach, or ``None``."""
    found: WebhookDelivery | None = within(access.client_ids).filter(id=delivery_id).first()
    return found


def events_of(delivery: WebhookDelivery) -> list[ProviderEvent]:
    """The facts that a delivery told, also those that were known before."""
    ids = [entry["event_id"] for entry in delivery.outcome if entry.get("event_id")][:MAX_EVENTS]
    return list(ProviderEvent.objects.filter(id__in=ids).order_by("occurred_at", "id"))


def replay_of(delivery: WebhookDelivery) -> ReplayRun | None:
    """The replay that took the delivery last."""
    if delivery.last_replay_id is None:
        return None
    found: ReplayRun | None = (
        ReplayRun.objects.select_related("requested_by").filter(id=delivery.last_replay_id).first()
    )
    return found


def body_shown(delivery: WebhookDelivery) -> str:
    """The body as text as it came, without what would let a reader make calls (``bodies_shown``)."""
    return bodies_shown([delivery])[delivery.id]


def bodies_shown(deliveries: Sequence[WebhookDelivery]) -> dict[UUID, str]:
    """Bodies as text by delivery, in one statement, without the secrets that prove a provider's calls and without the
    words in fields that are named like one.
    """
    redactors = {
        row.id: Redactor(proofs_of(row))
        for row in Connection.objects.filter(id__in={one.connection_id for one in deliveries})
    }
    nothing_known = Redactor()
    return {one.id: _masked(one, redactors.get(one.connection_id, nothing_known)) for one in deliveries}


def _masked(delivery: WebhookDelivery, redactor: Redactor) -> str:
    text = redactor.payload(bytes(delivery.body).decode("utf-8", errors="replace"))
    return text.encode("utf-8", errors="replace").decode()


def payload_text(delivery: WebhookDelivery, connection: Connection | None) -> str:
    """The body as it is shown: JSON indented, anything else as it came, at most ``BODY_SHOWN`` characters.

    ``connection`` is the delivery's, if it is at hand.
    """
    if connection is None:
        return readable(body_shown(delivery))
    return readable(_masked(delivery, Redactor(proofs_of(connection))))


def readable(text: str) -> str:
    """JSON indented, anything else as it is; nothing that an answer cannot carry."""
    try:
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = text.replace("\x00", "")
    # JSON may name halves of surrogate pairs, which no answer can carry.
    return text[:BODY_SHOWN].encode("utf-8", errors="replace").decode()


# --- replays ----------------------------------------------------------------------------------------


def replay_runs(access: Access) -> QuerySet[ReplayRun]:
    """Replays within reach: members over some clients see those that stayed within their reach."""
    rows = ReplayRun.objects.select_related("requested_by")
    if access.client_ids is not None:
        rows = rows.filter(client_ids__contained_by=sorted(str(one) for one in access.client_ids))
    found: QuerySet[ReplayRun] = rows
    return found


def replays(access: Access, cursor: str | None) -> Page[Any]:
    """Replays within reach, newest first. Raises ``InvalidCursor``."""
    return keyset_page(replay_runs(access), order=("-created_at", "-id"), cursor=cursor, limit=PAGE)


def in_words(criteria: Filter, access: Access) -> str:
    """A filter as a sentence part: “state dead, from Unipile, since 20 Nov 09:12”."""
    return all_in_words([criteria], access)[0]


def plainly(criteria: Filter) -> str:
    """A filter in words for platform staff, whose forms name no row of an organization."""
    return _told(criteria, {})


def all_in_words(criteria: Sequence[Filter], access: Access) -> list[str]:
    """Several filters in words, in a constant number of statements. Names beyond reach are not told."""
    names: dict[UUID | None, str] = {}
    for column, rows in (
        ("connection_id", Connection.objects.filter(access.client_filter())),
        ("sender_id", SenderAccount.objects.filter(access.client_filter())),
        ("client_id", access.clients()),
    ):
        if ids := {getattr(one, column) for one in criteria} - {None}:
            names |= dict(rows.filter(id__in=ids).order_by().values_list("id", "name"))
    return [_told(one, names) for one in criteria]


def _told(criteria: Filter, names: dict[UUID | None, str]) -> str:
    gone = "something that is not yours to see, or gone"
    count = len(criteria.ids)
    named = {
        "": f"{count} picked {'delivery' if count == 1 else 'deliveries'}" if count else "",
        "state": State(criteria.state).label.lower() if criteria.state else "",
        "from": registry.label_of(criteria.provider) if criteria.provider else "",
        "through": names.get(criteria.connection_id, gone) if criteria.connection_id else "",
        "about": names.get(criteria.sender_id, gone) if criteria.sender_id else "",
        "of": names.get(criteria.client_id, gone) if criteria.client_id else "",
        "event": criteria.event_type,
        "because of": f"“{criteria.reason}”" if criteria.reason else "",
        "with": f"“{criteria.text}”" if criteria.text else "",
        "since": f"{localtime(criteria.since):%d %b %H:%M}" if criteria.since else "",
        "until": f"{localtime(criteria.until):%d %b %H:%M}" if criteria.until else "",
    }
    parts = [f"{word} {value}".strip() for word, value in named.items() if value]
    return ", ".join(parts) or "everything"


# --- endpoints --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How the webhooks of one connection are: registered as needed, and coming in.

    ``status`` is ``ok``, ``wrong``, ``silent``, ``unchecked``, ``by_hand`` (registered at the provider by a person),
    ``routed`` (set with each number) or ``off``.
    """

    connection: Connection
    label: str
    url: str
    status: str
    problems: tuple[str, ...]
    error: str
    silent: tuple[SenderAccount, ...]
    dead: int
    can_mend: bool
    per_minute_limit: int

    @property
    def pass_id(self) -> str:
        """The element that shows how far a pass over its campaigns is."""
        return f"endpoint-pass-{self.connection.id}"

    @property
    def pass_note(self) -> str:
        """Why such a pass stands still, ``""`` while it does not."""
        return (
            f"{self.label} cannot be asked; it is tried again"
            if self.connection.webhooks_pass["tries"]
            else ""
        )


def endpoints(access: Access) -> list[Endpoint]:
    """The endpoints within reach, in a constant number of statements; those that need somebody come first."""
    found = list(
        Connection.objects.filter(access.client_filter()).select_related("client").order_by("name", "id")
    )
    told = [row for row in found if registry.can(row.provider, Capability.RECEIVES_WEBHOOKS)]
    ids = [row.id for row in told]
    silent: dict[UUID, list[SenderAccount]] = {}
    for sender in SenderAccount.objects.filter(connection_id__in=ids, webhooks_silent_since__isnull=False):
        silent.setdefault(sender.connection_id, []).append(sender)
    rows = WebhookDelivery.objects.filter(connection_id__in=ids, state=State.DEAD)
    counted = rows.order_by().values("connection_id").annotate(count=Count("id"))
    dead = {row["connection_id"]: row["count"] for row in counted}
    made = [_endpoint(row, tuple(silent.get(row.id, ())), dead.get(row.id, 0)) for row in told]
    return sorted(made, key=lambda one: one.status not in {"wrong", "silent"})


def _endpoint(connection: Connection, silent: tuple[SenderAccount, ...], dead: int) -> Endpoint:
    managed = hygiene.is_managed(connection)
    problems = tuple(one["message"] for one in connection.webhook_findings)
    if connection.status == Connection.Status.DISABLED:
        status = "off"
    elif problems or (managed and connection.webhooks_check_error):
        status = "wrong"
    elif silent:
        status = "silent"
    elif not managed:
        routed = registry.can(connection.provider, Capability.ROUTES_INBOUND)
        status = "routed" if routed else "by_hand"
    else:
        status = "ok" if connection.webhooks_checked_at else "unchecked"
    return Endpoint(
        connection=connection,
        label=registry.label_of(connection.provider),
        url=connections.webhook_url(connection),
        status=status,
        problems=problems,
        error=connection.webhooks_check_error,
        silent=silent,
        dead=dead,
        can_mend=managed and connection.status != Connection.Status.DISABLED,
        per_minute_limit=settings.WEBHOOKS_PER_MINUTE,
    )


# --- platform staff ---------------------------------------------------------------------------------


def organizations() -> list[dict[str, Any]]:
    """Each organization with what waits, fails and died, and how many replays go on; those in trouble first."""
    with platform_scope("webhooks of all organizations"):
        rows = WebhookDelivery.objects.filter(
            state__in=[State.RECEIVED, State.PROCESSING, State.FAILED, State.DEAD]
        )
        counted = rows.order_by().values_list("organization_id", "state").annotate(count=Count("id"))
        counts = {(organization_id, state): count for organization_id, state, count in counted}
        open_runs = ReplayRun.objects.filter(state__in=[ReplayRun.State.QUEUED, ReplayRun.State.RUNNING])
        runs = dict(open_runs.order_by().values_list("organization_id").annotate(count=Count("id")))
        found = list(Organization.objects.order_by("name", "id"))
    made = [
        {
            "organization": one,
            "waiting": counts.get((one.id, State.RECEIVED), 0) + counts.get((one.id, State.PROCESSING), 0),
            "failed": counts.get((one.id, State.FAILED), 0),
            "dead": counts.get((one.id, State.DEAD), 0),
            "runs": runs.get(one.id, 0),
        }
        for one in found
    ]
    return sorted(made, key=lambda row: -row["dead"])
