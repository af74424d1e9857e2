"""Deals: what a lead is worth to the client, kept by whoever talks with them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from campaigns.events import DealChanged
from campaigns.models import Deal, Lead
from project.core.events import publish
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

MOST: Final = Decimal("999999999999.99")


def deal_of(lead: Lead) -> Deal | None:
    """The deal with a lead, if there is one."""
    found: Deal | None = Deal.objects.filter(lead=lead).first()
    return found


@transaction.atomic
def save(
    *, lead_id: UUID, stage: str, value: Decimal | None, currency: str, meeting_on: date | None, actor: User
) -> Deal:
    """Say what stands with a lead. Raises ``Invalid`` for a value without a currency, or one that is none."""
    if stage not in Deal.Stage.values:
        raise Invalid("Choose whether it is open, won or lost.", field="stage")
    code = currency.strip().upper()
    if value is not None and not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise Invalid("Write the currency in three letters, such as NOK.", field="currency")
    if value is not None and not 0 <= value <= MOST:
        raise Invalid("The value is at least 0.", field="value")
    lead = Lead.objects.select_for_update(of=("self",)).get(id=lead_id)
    deal = deal_of(lead) or Deal(lead=lead, client_id=lead.client_id)
    before = _said(deal)
    deal.stage, deal.value, deal.meeting_on = stage, value, meeting_on
    deal.currency = code if value is not None else ""
    deal.save()
    audit.record(actor=actor, action="deal.saved", subject=lead, before=before, after=_said(deal))
    publish(DealChanged(client_id=lead.client_id))
    return deal


@transaction.atomic
def remove(*, lead_id: UUID, actor: User) -> None:
    """There is no deal with this lead; harmless when there is none."""
    lead = Lead.objects.select_for_update(of=("self",)).get(id=lead_id)
    deal = deal_of(lead)
    if deal is not None:
        audit.record(actor=actor, action="deal.removed", subject=lead, before=_said(deal))
        deal.delete()
        publish(DealChanged(client_id=lead.client_id))


def _said(deal: Deal) -> dict[str, Any]:
    if deal._state.adding:
        return {}
    return {
        "stage": deal.stage,
        "value": str(deal.value) if deal.value is not None else None,
        "currency": deal.currency,
        "meeting_on": deal.meeting_on.isoformat() if deal.meeting_on else None,
    }
