"""Labels of a team: made, renamed, merged and removed; what conversations carry follows."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction

from inbox.models import ConversationLabel, Label
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import Client, User


def _checked(name: str) -> str:
    text = " ".join(name.split())
    if not text or len(text) > 40:
        raise Invalid("A label has 1 to 40 characters.", field="name")
    return text


@transaction.atomic
def create(*, name: str, client: Client | None, actor: User) -> Label:
    """Make a label of a client, or of all (``None``). Raises ``Invalid`` for a name that exists."""
    label = Label(name=_checked(name), client=client)
    _save(label)
    audit.record(actor=actor, action="inbox.label_made", subject=label)
    return label


@transaction.atomic
def rename(*, label_id: UUID, name: str, actor: User) -> Label:
    """Call a label something else. Raises ``Invalid`` for a name that exists: merge them instead."""
    label: Label = Label.objects.select_for_update(of=("self",)).get(id=label_id)
    before, label.name = label.name, _checked(name)
    _save(label)
    audit.record(actor=actor, action="inbox.label_renamed", subject=label, before=before)
    return label


def _save(label: Label) -> None:
    try:
        with transaction.atomic():
            label.save()
    except IntegrityError as error:
        raise Invalid(f"There is a label “{label.name}” already.", field="name") from error


@transaction.atomic
def merge(*, label_id: UUID, into_id: UUID, actor: User) -> int:
    """Put ``into`` wherever the label was, and remove the label; return how many conversations carried it.

    Raises ``Invalid`` for a label of another client, which some of the conversations could not carry.
    """
    label, into = Label.objects.get(id=label_id), Label.objects.get(id=into_id)
    if label.id == into.id or into.client_id not in {None, label.client_id}:
        raise Invalid("Choose another label, of the same client or of all.", field="into")
    links = ConversationLabel.objects.filter(label=label)
    count: int = links.count()
    links.exclude(
        conversation_id__in=ConversationLabel.objects.filter(label=into).values("conversation_id")
    ).update(label=into)
    audit.record(actor=actor, action="inbox.label_merged", subject=label, into=into.name, conversations=count)
    label.delete()
    return count


@transaction.atomic
def remove(*, label_id: UUID, actor: User) -> None:
    """Remove a label; it is taken off all conversations."""
    label = Label.objects.get(id=label_id)
    count = ConversationLabel.objects.filter(label=label).count()
    audit.record(actor=actor, action="inbox.label_removed", subject=label, conversations=count)
    label.delete()
