"""Saved views: filters under a name, of one person or shared with all who read the inbox."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from inbox.filters import Filters
from inbox.models import SavedView
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.access import Access, Permission
from project.tenancy.models import User

#: Each view costs a count; more than this nobody reads.
MOST: Final = 30


@transaction.atomic
def save(*, name: str, filters: Filters, is_shared: bool, access: Access) -> SavedView:
    """Save filters under a name; one's own view of that name is replaced.

    Whoever shares it with all leads a team. Raises ``Invalid``.
    """
    text = " ".join(name.split())
    if not text or len(text) > 60:
        raise Invalid("A view's name has 1 to 60 characters.", field="name")
    if is_shared and not access.can(Permission.INBOX_MANAGE):
        raise Invalid("Only managers share views with everybody. Save it for yourself.", field="is_shared")
    owner = access.user
    view = SavedView.objects.filter(owner=owner, name=text).first() or SavedView(owner=owner, name=text)
    if view._state.adding and SavedView.objects.filter(owner=owner).count() >= MOST:
        raise Invalid(f"You have {MOST} views; remove one first.", field="name")
    view.query, view.is_shared = filters.query, is_shared
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        raise Invalid(f"There is a view “{text}” already.", field="name") from error
    audit.record(actor=owner, action="inbox.view_saved", subject=view, shared=is_shared, query=view.query)
    return view


@transaction.atomic
def remove(*, view_id: UUID, actor: User) -> None:
    """Remove a view of one's own. Raises ``Invalid`` for somebody else's."""
    view = SavedView.objects.get(id=view_id)
    if view.owner_id != actor.id:
        raise Invalid(f"This view is {view.owner.display_name}'s.")
    audit.record(actor=actor, action="inbox.view_removed", subject=view)
    view.delete()
