"""Segments of leads and the columns of their table, as each person keeps them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from campaigns import lead_columns
from campaigns.lead_filters import LeadFilters
from campaigns.models import LeadColumns, LeadSegment
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.access import Access
from project.tenancy.models import User

#: More than this nobody finds again.
MOST: Final = 50


@transaction.atomic
def save(*, name: str, filters: LeadFilters, is_shared: bool, access: Access) -> LeadSegment:
    """Save filters under a name; one's own segment of that name is replaced. Raises ``Invalid``."""
    text = " ".join(name.split())
    if not text or len(text) > 60:
        raise Invalid("A segment's name has 1 to 60 characters.", field="name")
    if not filters.parameters:
        raise Invalid("Narrow the table first: a segment of everybody is the table itself.", field="query")
    owner = access.user
    own = LeadSegment.objects.filter(owner=owner)
    segment = own.filter(name=text).first() or LeadSegment(owner=owner, name=text)
    if segment._state.adding and own.count() >= MOST:
        raise Invalid(f"You have {MOST} segments; remove one first.", field="name")
    segment.query, segment.is_shared = filters.query, is_shared
    try:
        with transaction.atomic():
            segment.save()
    except IntegrityError as error:
        raise Invalid(f"There is a segment “{text}” already.", field="name") from error
    audit.record(actor=owner, action="segment.saved", subject=segment, shared=is_shared, query=segment.query)
    return segment


@transaction.atomic
def remove(*, segment_id: UUID, actor: User) -> None:
    """Remove a segment of one's own; the leads stay. Raises ``Invalid`` for somebody else's."""
    segment = LeadSegment.objects.select_related("owner").get(id=segment_id)
    if segment.owner_id != actor.id:
        raise Invalid(f"This segment is {segment.owner.display_name}'s.")
    audit.record(actor=actor, action="segment.removed", subject=segment)
    segment.delete()


@transaction.atomic
def choose_columns(*, columns: Iterable[str], actor: User) -> list[str]:
    """Remember which columns a person wants to see; return those that there are."""
    chosen = lead_columns.known(columns)
    LeadColumns.objects.update_or_create(owner=actor, defaults={"columns": chosen})
    return chosen


@transaction.atomic
def note_export(*, access: Access, query: str) -> None:
    """Note who exported which leads."""
    audit.record(actor=access.user, action="leads.exported", query=query)
