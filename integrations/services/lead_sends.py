"""Sends to a lead, when leads are merged, taken apart or erased: references upward carry no constraint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, TextField, Value
from django.db.models.functions import Cast, Concat, Replace

from integrations.models import (
    LedgerIncident,
    OutboundMessage,
    ProviderEvent,
    ProviderEventKey,
    ReconciliationReport,
    SyncRun,
)
from project.core.clock import now

#: What of a told fact says who somebody is, or what was written.
_PERSONAL: Final = frozenset(
    {
        "provider_id", "name", "public_identifier", "member_urn", "profile_url", "headline", "email", "phone",
        "recipient", "reason", "text", "full_text", "subject", "html", "copied_to", "reaction", "user_agent", "url",
        "raw", "attachments",
    }
)  # fmt: skip
#: What of a payload names nobody and is needed to find the thread that an answer belongs to.
_KEPT = ("message_id", "in_reply_to", "references", "segments")
#: What of a run's result holds samples: people and texts.
_SAMPLED: Final = ["accounts", "missing", "people"]


@transaction.atomic
def change_lead(
    *, from_lead: UUID, to_lead: UUID, enrollments: Sequence[UUID], only: Sequence[UUID] | None = None
) -> list[str]:
    """Say of the sends to one lead (of ``only`` these) that they went to another; return their ids.

    Of what campaigns sent only what belongs to ``enrollments``, which go along. Their dedupe keys name the lead: they
    are rewritten, so that what is in the outbox is still found by it, and never queued twice.
    """
    by_people = ~Q(origin=OutboundMessage.Origin.CAMPAIGN)
    rows = OutboundMessage.objects.filter(by_people | Q(enrollment_id__in=enrollments), lead_id=from_lead)
    if only is not None:
        rows = rows.filter(id__in=only)
    ids = list(rows.values_list("id", flat=True))
    key = Replace(F("dedupe_key"), Value(f":{from_lead}:"), Value(f":{to_lead}:"))
    moving = OutboundMessage.objects.filter(id__in=ids)
    moving.filter(origin=OutboundMessage.Origin.CAMPAIGN).update(dedupe_key=key)
    moving.update(lead_id=to_lead, updated_at=now())
    return [str(row_id) for row_id in ids]


@transaction.atomic
def erase_told(*, lead_id: UUID, sender_ids: set[UUID], words: set[str], name: str, since: datetime) -> int:
    """Take a person out of what providers told of them; kind, ids and times stay. Returns how many facts that were.

    Looks at what the accounts that wrote to them heard ``since`` they were known, for their addresses (``words``), and
    at the samples of counts and comparisons, for their ``name`` as well.
    """
    wrote = OutboundMessage.objects.filter(lead_id=lead_id).values_list("sender_id", flat=True)
    senders = {*sender_ids, *wrote} - {None}
    _forget_samples(senders, {*words, name})
    facts = ProviderEvent.objects.filter(sender_id__in=senders, occurred_at__gte=since - timedelta(days=1))
    told = facts.annotate(written=Concat(Cast("payload", TextField()), Cast("outcome", TextField()))).filter(
        says(words)
    )
    found = list(told.values_list("id", "kind", "dedupe_key", "payload", "outcome"))
    written = {word for word in words if "@" in word or word.startswith("+")}
    for event_id, kind, known, payload, outcome in found:
        key = known
        if any(word in known for word in written):
            # A key of opaque ids stays, so that the same fact is not learnt anew; one with an address does not.
            key = f"{kind}:sha256:{hashlib.sha256(known.encode()).hexdigest()}"
            ProviderEventKey.objects.filter(event_id=event_id).update(key=key, updated_at=now())
        ProviderEvent.objects.filter(id=event_id).update(
            dedupe_key=key, payload=_nameless(payload, written), outcome=dict.fromkeys(outcome, "Erased.")
        )
    return len(found)


def _forget_samples(senders: set[UUID], words: set[str]) -> None:
    """Take the samples of counts and comparisons away that say one of the words; the figures stay."""
    incidents = LedgerIncident.objects.filter(sender__in=senders).exclude(samples=[])
    incidents.annotate(written=Cast("samples", TextField())).filter(says(words)).update(samples=[])
    reports = ReconciliationReport.objects.filter(connection__senders__in=senders).exclude(samples={})
    ids = reports.annotate(written=Cast("samples", TextField())).filter(says(words))
    ReconciliationReport.objects.filter(id__in=list(ids.values_list("id", flat=True))).update(samples={})
    # One account's run may read for all of its connection.
    runs = SyncRun.objects.filter(sender__connection__senders__in=senders, result__has_any_keys=_SAMPLED)
    said = runs.annotate(written=Cast("result", TextField())).filter(says(words))
    for run_id, result in list(said.values_list("id", "result").distinct()):
        SyncRun.objects.filter(id=run_id).update(result=_without_samples(result), updated_at=now())


def _without_samples(result: dict[str, Any]) -> dict[str, Any]:
    left = {
        name: [] if isinstance(value, list) and name in _SAMPLED else value for name, value in result.items()
    }
    if "accounts" in left:
        left["accounts"] = {key: {**one, "missing": []} for key, one in left["accounts"].items()}
    return left


def says(words: set[str]) -> Q:
    """Rows whose ``written`` text has one of the words: an address or a name of several words as a part, others as
    a whole value of the JSON.
    """
    found = Q(id__in=[])
    for word in words - {""}:
        whole = "@" in word or " " in word
        found |= Q(written__contains=word if whole else json.dumps(word, ensure_ascii=False))
    return found


def _nameless(payload: Any, words: set[str]) -> Any:
    """A fact without names, addresses and texts; of the same shape, so that it is still read as that fact.

    Ids that are made of an address (threads of text messages) go as well.
    """
    if isinstance(payload, list):
        return [_nameless(value, words) for value in payload]
    if isinstance(payload, str):
        return "" if any(word in payload for word in words) else payload
    if not isinstance(payload, dict):
        return payload
    return {
        name: type(value)()
        if name in _PERSONAL and isinstance(value, (str, list, dict))
        else _nameless(value, words)
        for name, value in payload.items()
    }


@transaction.atomic
def erase(*, lead_id: UUID) -> int:
    """Erase what was written to a lead and where it went; that something left, and when, stays. Returns how many.

    What is being sent at this moment is left out; the caller has withdrawn what waits.
    """
    busy = (OutboundMessage.State.QUEUED, OutboundMessage.State.SENDING)
    rows = list(OutboundMessage.objects.filter(lead_id=lead_id).exclude(state__in=busy).order_by("id"))
    for row in rows:
        row.body, row.recipient, row.error_detail = "", {}, ""
        row.payload = {name: row.payload[name] for name in _KEPT if name in row.payload}
        row.updated_at = now()
    OutboundMessage.objects.bulk_update(
        rows, ["body", "recipient", "error_detail", "payload", "updated_at"], batch_size=500
    )
    return len(rows)
