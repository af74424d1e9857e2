"""Diagnostics: the last deliveries, facts and raw messages that concern a person or a thread, and why each of them
matched or did not.

The rooms above say who it is about (``Subject``): this room knows neither leads nor conversations.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from integrations.models import Connection, ProviderEvent, SenderAccount, WebhookDelivery
from integrations.webhook_filters import mentioning
from integrations.webhook_selectors import bodies_shown, readable
from project.core.clock import now
from project.tenancy.access import Access

#: How far back it looks, how much it shows, and how long a search may take.
LOOK_BACK: Final = timedelta(days=30)
SHOWN: Final = 50
SEARCH_MS: Final = 2500
#: Shorter words would be found everywhere.
SHORTEST: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who it is about: ``words`` are addresses, profile names and ids of the person and ids of the thread; ``own`` the
    accounts through which they are written to.
    """

    name: str
    words: tuple[str, ...] = ()
    sender_ids: tuple[UUID, ...] = ()
    lead_id: UUID | None = None
    conversation_ids: tuple[UUID, ...] = ()
    client_id: UUID | None = None

    @property
    def searched(self) -> tuple[str, ...]:
        """The words that are long enough to be looked for."""
        return tuple(dict.fromkeys(word for word in self.words if len(word) >= SHORTEST))


@dataclass(slots=True)
class Finding:
    """One fact or delivery. ``verdict`` is ``matched``, ``unmatched``, ``nothing`` or ``waiting`` (for a worker);
    ``why`` says it in words.
    """

    at: datetime
    title: str
    source: str
    verdict: str
    why: str
    sender: str = ""
    delivery_id: UUID | None = None
    event_id: UUID | None = None
    mentions: tuple[str, ...] = ()
    raw: str = ""

    def as_json(self) -> dict[str, Any]:
        """As the API tells it."""
        return {
            "at": self.at,
            "title": self.title,
            "source": self.source,
            "verdict": self.verdict,
            "why": self.why,
            "sender": self.sender,
            "delivery_id": self.delivery_id,
            "event_id": self.event_id,
            "mentions": list(self.mentions),
            "raw": self.raw,
        }


@dataclass(slots=True)
class Diagnosis:
    """What was found about a subject, newest first. ``searched`` is false if there were too many calls to look into."""

    subject: Subject
    since: datetime
    findings: list[Finding] = field(default_factory=list)
    searched: bool = True

    def as_json(self) -> dict[str, Any]:
        """As the API tells it."""
        return {
            "name": self.subject.name,
            "since": self.since,
            "words": list(self.subject.searched),
            "searched": self.searched,
            "findings": [one.as_json() for one in self.findings],
        }


def diagnose(access: Access, subject: Subject) -> Diagnosis:
    """Put together what concerns ``subject``, within the reach of ``access``."""
    made = Diagnosis(subject, now() - LOOK_BACK)
    senders = {
        sender.id: sender
        for sender in SenderAccount.objects.filter(access.client_filter(), id__in=subject.sender_ids)
    }
    facts = _facts(made, senders)
    told = {fact.delivery_id for fact in facts if fact.delivery_id}
    made.findings = [_of_fact(fact, senders, subject) for fact in facts]
    calls = [row for row in _deliveries(access, made) if row.id not in told]
    bodies = bodies_shown(calls) if calls else {}
    made.findings += [_of_delivery(row, bodies[row.id], subject) for row in calls]
    made.findings.sort(key=lambda one: one.at, reverse=True)
    del made.findings[SHOWN:]
    return made


def _facts(made: Diagnosis, senders: dict[UUID, SenderAccount]) -> list[ProviderEvent]:
    subject = made.subject
    concerns = Q(outcome__conversation_id__in=[str(one) for one in subject.conversation_ids])
    if subject.lead_id is not None:
        concerns |= Q(outcome__lead_id=str(subject.lead_id))
    for word in subject.searched:
        concerns |= Q(payload_text__icontains=word)
    rows = ProviderEvent.objects.filter(sender_id__in=list(senders), occurred_at__gte=made.since)
    rows = rows.annotate(payload_text=Cast("payload", TextField())).filter(concerns)
    return _bounded(made, rows.order_by("-occurred_at", "-id"))


def _deliveries(access: Access, made: Diagnosis) -> list[WebhookDelivery]:
    if not made.subject.searched:
        return []
    rows = mentioning(made.subject.searched, since=made.since)
    if access.client_ids is not None:
        rows = rows.filter(connection_id__in=Connection.objects.filter(access.client_filter()).values("id"))
    return _bounded(made, rows.order_by("-received_at", "-id"))


def _bounded(made: Diagnosis, rows: Any) -> list[Any]:
    """The newest rows, unless looking for them takes too long."""
    try:
        with _at_most(SEARCH_MS):
            return list(rows[:SHOWN])
    except OperationalError:
        made.searched = False
        return []


@contextmanager
def _at_most(milliseconds: int) -> Iterator[None]:
    """Have PostgreSQL give up a statement of the block that takes longer. Raises ``OperationalError`` then."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
        yield
        cursor.execute("SELECT set_config('statement_timeout', '0', true)")


def _of_fact(fact: ProviderEvent, senders: dict[UUID, SenderAccount], subject: Subject) -> Finding:
    text = json.dumps(fact.payload, ensure_ascii=False)
    sentences = [fact.outcome.get(room, "") for room in ("campaigns", "inbox", "integrations", "reporting")]
    told = " ".join(filter(None, sentences))
    mentions = _mentions(text, subject.searched)
    verdict, why = "matched", told or "It concerns this person."
    if subject.lead_id is not None and fact.outcome.get("lead_id") != str(subject.lead_id):
        verdict = "unmatched"
        why = f"{told} {_why_not(fact, mentions, subject)}".strip()
    raw = fact.payload.get("raw") if isinstance(fact.payload, dict) else None
    return Finding(
        at=fact.occurred_at,
        title=fact.kind.replace("_", " "),
        source=fact.get_source_display(),
        verdict=verdict,
        why=why,
        sender=str(senders[fact.sender_id]) if fact.sender_id in senders else "",
        delivery_id=fact.delivery_id,
        event_id=fact.id,
        mentions=mentions,
        raw=readable(json.dumps(raw or fact.payload, ensure_ascii=False)),
    )


def _why_not(fact: ProviderEvent, mentions: tuple[str, ...], subject: Subject) -> str:
    """Why a fact about this person's thread was not taken for one about them."""
    if fact.outcome.get("lead_id"):
        return f"It was matched to another lead than {subject.name}."
    if mentions:
        named = f"It names {', '.join(mentions)}"
        if fact.delivery_id:
            return f"{named}, which was not known of {subject.name} when it came: a replay would match it."
        return f"{named}, which was not known of {subject.name} when it came."
    return f"Nothing in it is an address, profile or id of {subject.name}."


def _of_delivery(row: WebhookDelivery, body: str, subject: Subject) -> Finding:
    outcomes = [entry.get("outcome", {}) for entry in row.outcome]
    sentences = [text for one in outcomes for name, text in one.items() if not name.endswith("_id")]
    matched = any(
        subject.lead_id is not None and one.get("lead_id") == str(subject.lead_id) for one in outcomes
    )
    state = row.get_state_display()
    why = row.reason or row.last_error or " ".join(sentences) or "It has not been looked at yet."
    return Finding(
        at=row.received_at,
        title=row.event_type or "unknown event",
        source=f"Webhook, {state.lower()}",
        verdict="matched" if matched else _verdict(row),
        why=why,
        delivery_id=row.id,
        mentions=_mentions(body, subject.searched),
        raw=readable(body),
    )


def _verdict(row: WebhookDelivery) -> str:
    if row.state in {row.State.RECEIVED, row.State.PROCESSING, row.State.FAILED}:
        return "waiting"
    return "unmatched" if row.outcome else "nothing"


def _mentions(text: str, words: Iterable[str]) -> tuple[str, ...]:
    lowered = text.lower()
    return tuple(word for word in words if word.lower() in lowered)
