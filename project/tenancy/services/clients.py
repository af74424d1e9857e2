"""Clients of the organization: create, change, archive."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from project.core.realtime.broker import publish_membership_changed
from project.core.refusals import Invalid, Refused
from project.tenancy import audit
from project.tenancy.access import Access, get_or_404
from project.tenancy.models import Client
from project.tenancy.services.organizations import check_name, check_time_zone

COLOURS = range(1, 9)


def _check_colour(colour: int) -> int:
    if colour not in COLOURS:
        raise Invalid("Choose one of the eight client colours.", field="colour")
    return colour


def next_colour() -> int:
    """Return the client colour that is used least in the organization, the first of equals."""
    used = list(Client.objects.filter(is_archived=False).values_list("colour", flat=True))
    return min(COLOURS, key=lambda colour: (used.count(colour), colour))


def _free_slug(name: str) -> str:
    base = slugify(name)[:50] or "client"
    taken = set(Client.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    slug, number = base, 1
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    return slug


@transaction.atomic
def create(*, access: Access, name: str, colour: int | None = None, time_zone: str = "") -> Client:
    """Add a client. Raises ``Invalid``, ``Refused`` (``CLIENT_EXISTS``), ``PermissionDenied``."""
    access.require_whole_organization()
    name = check_name(name)
    _refuse_same_name(name)
    try:
        with transaction.atomic():
            client: Client = Client.objects.create(
                name=name,
                slug=_free_slug(name),
                colour=_check_colour(colour) if colour is not None else next_colour(),
                time_zone=check_time_zone(time_zone or access.organization.time_zone),
            )
    except IntegrityError as error:  # two people added it at once
        raise Refused(
            "There is already a client of that name.", code="CLIENT_EXISTS", field="name"
        ) from error
    audit.record(actor=access.user, action="client.created", subject=client, client_id=client.id)
    return client


def _refuse_same_name(name: str, *, but: UUID | None = None) -> None:
    if Client.objects.filter(name__iexact=name).exclude(id=but).exists():
        raise Refused("There is already a client of that name.", code="CLIENT_EXISTS", field="name")


@transaction.atomic
def update(*, access: Access, client_id: UUID, **changes: Any) -> Client:
    """Change ``name``, ``colour`` or ``time_zone`` of a client within reach; 404 for any other.

    Raises ``Invalid``, ``Refused`` (``CLIENT_EXISTS``).
    """
    client: Client = get_or_404(access.clients().select_for_update(), client_id)
    before = {name: getattr(client, name) for name in changes}
    if "name" in changes:
        client.name = check_name(changes["name"])
        _refuse_same_name(client.name, but=client.id)
    if "colour" in changes:
        client.colour = _check_colour(changes["colour"])
    if "time_zone" in changes:
        client.time_zone = check_time_zone(changes["time_zone"])
    after = {name: getattr(client, name) for name in changes}
    if after != before:
        client.save(update_fields=[*changes, "updated_at"])
        audit.record(
            actor=access.user,
            action="client.updated",
            subject=client,
            client_id=client.id,
            before=before,
            after=after,
        )
    return client


@transaction.atomic
def set_archived(*, access: Access, client_id: UUID, archived: bool) -> Client:
    """Archive a client (it leaves lists and choices, its data stays) or bring it back. Idempotent."""
    client: Client = get_or_404(access.clients().select_for_update(), client_id)
    if client.is_archived == archived:
        return client
    client.is_archived = archived
    client.save(update_fields=["is_archived", "updated_at"])
    action = "client.archived" if archived else "client.restored"
    audit.record(actor=access.user, action=action, subject=client, client_id=client.id)
    organization_id = client.organization_id
    transaction.on_commit(lambda: publish_membership_changed(organization_id))
    return client
