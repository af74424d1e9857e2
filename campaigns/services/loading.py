"""Many rows at once: made without what a model's constructor does for each, and related rows put where they belong.

Constructors, signals and a query set for each row cost more than the rows themselves where a batch needs thousands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet
from django.db.models.base import ModelState

from campaigns.models import Lead, LeadChannel
from project.core.db.bulk import any_of

#: What whoever writes to a lead reads of its addresses.
_ADDRESS = (
    "id",
    "organization_id",
    "lead_id",
    "kind",
    "normalized",
    "provider_id",
    "bounced_at",
    "created_at",
)


def made(model: type[Model], names: Sequence[str], values: Sequence[Any], using: str) -> Any:
    """The row of ``model`` that has ``values`` in its attributes ``names``; the others are loaded when asked for."""
    row = model.__new__(model)
    row.__dict__.update(zip(names, values, strict=True))
    row._state = ModelState()
    row._state.adding = False
    row._state.db = using
    return row


def light(rows: QuerySet[Any], names: Sequence[str]) -> list[Any]:
    """Like ``rows.only(*names)``; ``names`` are attributes (``lead_id``) and have to include the key."""
    model, using = rows.model, rows.db
    return [made(model, names, values, using) for values in rows.values_list(*names)]


class Kept:
    """What ``prefetch_related`` does, for rows that are loaded already and without a query set for each."""

    def __init__(self, rows: QuerySet[Any], name: str) -> None:
        self._fields = dict(rows.__dict__)
        self._kind = type(rows)
        self._name = name

    def keep(self, row: Model, found: Sequence[Model]) -> None:
        """Make ``found`` what the related manager of ``row`` answers with."""
        answer = self._kind.__new__(self._kind)
        answer.__dict__.update(self._fields, _result_cache=list(found))
        row.__dict__.setdefault("_prefetched_objects_cache", {})[self._name] = answer


def addresses_of(leads: Sequence[Lead]) -> None:
    """Load the addresses of ``leads``, oldest first, as ``prefetch_related("channels")`` would."""
    rows = LeadChannel.objects.filter(lead__in=any_of([lead.id for lead in leads]))
    found: dict[UUID, list[LeadChannel]] = {}
    for address in light(rows.order_by("created_at", "id"), _ADDRESS):
        found.setdefault(address.lead_id, []).append(address)
    kept = Kept(LeadChannel.objects.all(), "channels")
    for lead in leads:
        kept.keep(lead, found.get(lead.id, ()))
