"""What is counted and given out of a lead, when it is erased and when somebody asks what is known of it."""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction

from campaigns.events import LeadErased
from campaigns.models import Lead
from campaigns.services.erasure import rows
from project.core.db.bulk import insert_rows
from reporting.models import Fact
from reporting.services import export_jobs
from reporting.services.facts import RETRACTED, take_back

#: What a fact says beside what a retraction keeps.
_KEPT: Final = (*RETRACTED, "key", "conversation_id", "user_id")


@transaction.atomic
def on_lead_erased(event: LeadErased) -> None:
    """Take the recipient's domain, which may be somebody's own, out of all facts, and remove files they stand in.

    Each fact is taken back and written again without it, so that sums by domain follow and all others stay. Ids stay:
    they lead to rows that say nothing about who it was any more.
    """
    told = take_back(Fact.objects.filter(lead_id=event.lead.id).exclude(domain=""))
    insert_rows(Fact, [{**{name: getattr(fact, name) for name in _KEPT}, "domain": ""} for fact in told])
    export_jobs.forget(client_id=event.lead.client_id)


def record(lead: Lead) -> list[dict[str, Any]]:
    """What the bundle of a person holds of what was counted of them, in order."""
    found = Fact.objects.filter(lead_id=lead.id).order_by("occurred_at", "id")
    return rows(found, "occurred_at", "kind", "channel", "domain", "value")
