"""Organizations: provisioning (mission T8), settings, suspension."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from project.core.realtime.broker import publish_membership_changed
from project.core.refusals import Invalid, Refused
from project.core.scoping import organization_scope, platform_scope
from project.tenancy import audit
from project.tenancy.access import Access
from project.tenancy.models import Entitlement, Invitation, Membership, Organization, Role, User
from project.tenancy.services import entitlements, invitations

#: Slugs that would be confused with addresses or people of the platform.
RESERVED_SLUGS = frozenset({"admin", "api", "platform", "new", "static", "www"})


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What provisioning made: an existing or fully created first admin is a member, any other is invited."""

    organization: Organization
    admin: User | None
    invitation: Invitation | None
    entitlements: list[Entitlement]


def check_time_zone(name: str, *, field: str = "time_zone") -> str:
    """Return ``name`` if it is a time zone of the IANA database. Raises ``Invalid``."""
    if name not in available_timezones():
        raise Invalid(f"“{name}” is not a time zone. Write it like Europe/Berlin.", field=field)
    return name


def check_name(name: str, *, field: str = "name", length: int = 120) -> str:
    """Return ``name`` without outer blanks. Raises ``Invalid`` when it is empty or longer than ``length``."""
    name = name.strip()
    if not name:
        raise Invalid("Give it a name.", field=field)
    if len(name) > length:
        raise Invalid(f"At most {length} characters.", field=field)
    return name


def check_email(email: str, *, field: str = "email") -> str:
    """Return the address in lower case. Raises ``Invalid``."""
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid("This is not an e-mail address.", field=field) from error
    return email


def free_slug(name: str) -> str:
    """Return an unused slug made from ``name``."""
    base = slugify(name)[:50] or "organization"
    if base in RESERVED_SLUGS:
        base = f"{base}-1"
    slug, number = base, 1
    while Organization.objects.filter(slug=slug).exists():
        number += 1
        slug = f"{base}-{number}"
    return slug


@transaction.atomic
def provision(
    *,
    name: str,
    admin_email: str,
    slug: str = "",
    time_zone: str = "UTC",
    capabilities: Mapping[str, str] | None = None,
    admin_name: str = "",
    admin_password: str | None = None,
    actor: User | None = None,
) -> Provisioned:
    """Create an organization, its first admin and what it is entitled to, or nothing at all.

    ``capabilities`` maps capability to provider. The admin becomes a member at once if a user with that address
    exists or ``admin_password`` is given (commands); otherwise an invitation is mailed. Raises ``Invalid``,
    ``Refused`` (``SLUG_TAKEN``).
    """
    email = check_email(admin_email, field="admin_email")
    organization = _create(name=name, slug=slug, time_zone=time_zone)
    with platform_scope("provision"), organization_scope(organization.id):
        audit.record(actor=actor, action="organization.provisioned", subject=organization, admin=email)
        admin = User.objects.filter(email=email).first()
        if admin is None and admin_password is not None:
            admin = User.objects.create_user(email, admin_password, name=admin_name)
        invitation = None
        if admin is not None:
            Membership.objects.create(user=admin, role=Role.ADMIN)
            audit.record(actor=actor, action="member.added", subject=admin, role=Role.ADMIN)
        else:
            invitation = invitations.create(email=email, role=Role.ADMIN, actor=actor)
        granted = [
            entitlements.grant(capability=capability, provider=provider, client_id=None, actor=actor)
            for capability, provider in (capabilities or {}).items()
        ]
    return Provisioned(organization, admin, invitation, granted)


def _create(*, name: str, slug: str, time_zone: str) -> Organization:
    name = check_name(name)
    if slug and (slugify(slug) != slug or slug in RESERVED_SLUGS or len(slug) > 60):
        raise Invalid("Use lower-case letters, digits and hyphens; some names are reserved.", field="slug")
    slug = slug or free_slug(name)
    try:
        with transaction.atomic():
            return Organization.objects.create(name=name, slug=slug, time_zone=check_time_zone(time_zone))
    except IntegrityError as error:
        raise Refused(f"The address /o/{slug}/ is taken.", code="SLUG_TAKEN", field="slug") from error


@transaction.atomic
def update(*, access: Access, name: str, time_zone: str) -> Organization:
    """Change the name and time zone of the organization. Raises ``Invalid``, ``PermissionDenied``."""
    access.require_whole_organization()
    organization = Organization.objects.select_for_update().get(id=access.organization.id)
    before = {"name": organization.name, "time_zone": organization.time_zone}
    organization.name = check_name(name)
    organization.time_zone = check_time_zone(time_zone)
    organization.save(update_fields=["name", "time_zone", "updated_at"])
    after = {"name": organization.name, "time_zone": organization.time_zone}
    if after != before:
        audit.record(
            actor=access.user, action="organization.updated", subject=organization, before=before, after=after
        )
    return organization


@transaction.atomic
def set_active(*, organization_id: UUID, active: bool, actor: User) -> Organization:
    """Suspend an organization (its members are shut out at once, sockets included) or let it back in.

    For platform staff only; idempotent.
    """
    organization = Organization.objects.select_for_update().get(id=organization_id)
    if organization.is_active == active:
        return organization
    organization.is_active = active
    organization.save(update_fields=["is_active", "updated_at"])
    with platform_scope("suspend"), organization_scope(organization.id):
        action = "organization.resumed" if active else "organization.suspended"
        audit.record(actor=actor, action=action, subject=organization)
    transaction.on_commit(lambda: publish_membership_changed(organization.id))
    return organization
