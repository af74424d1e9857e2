"""Invitations by e-mail: invite, send, accept, revoke.

The link's token is derived from the row's id and the installation's secret key, so it is stored nowhere and can be
mailed again; the row keeps its hash for looking it up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.crypto import salted_hmac

from project.core.clock import now
from project.core.ids import uuid7
from project.core.refusals import Invalid, NotFound, Refused
from project.core.scoping import organization_scope, platform_scope
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.access import get_or_404
from project.tenancy.models import Client, Invitation, Membership, Organization, Role, User
from project.tenancy.services import memberships


@dataclass(frozen=True, slots=True)
class Opened:
    """An invitation as the invited person sees it."""

    invitation: Invitation
    organization: Organization
    #: Whether somebody with that address already has an account.
    has_account: bool
    client_names: list[str]


def token_of(invitation_id: UUID) -> str:
    """Return the secret of an invitation's link (64 hexadecimal digits)."""
    return salted_hmac("tenancy.invitation", str(invitation_id), algorithm="sha256").hexdigest()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def link_of(invitation_id: UUID) -> str:
    """Return the whole address that the mail contains."""
    path = reverse("tenancy:invitation", kwargs={"token": token_of(invitation_id)})
    return f"{settings.PUBLIC_URL}{path}"


@transaction.atomic
def create(
    *,
    email: str,
    role: str,
    all_clients: bool = True,
    client_ids: Iterable[UUID] = (),
    actor: User | None,
) -> Invitation:
    """Invite a person into the organization of the active scope; the mail leaves after the commit.

    An open invitation of the same address is revoked. Raises ``Invalid``, ``Refused`` (``ALREADY_MEMBER``).
    """
    from project.tenancy.services.organizations import check_email
    from project.tenancy.tasks import send_invitation

    email = check_email(email)
    known_role = memberships.check_role(role)
    everything, ids = memberships.check_reach(known_role, all_clients=all_clients, client_ids=client_ids)
    if Membership.objects.filter(user__email=email, is_active=True).exists():
        raise Refused(f"{email} is already a member.", code="ALREADY_MEMBER", field="email")
    for earlier in _open_rows().filter(email=email).select_for_update():
        _close(earlier, actor=actor)
    invitation_id = uuid7()
    row = Invitation(
        id=invitation_id,
        email=email,
        role=known_role,
        all_clients=everything,
        client_ids=[str(client_id) for client_id in ids],
        token_hash=_hash(token_of(invitation_id)),
        invited_by=actor,
        expires_at=now() + timedelta(days=settings.INVITATION_DAYS),
    )
    invitation = _insert(row)
    audit.record(actor=actor, action="invitation.created", subject=invitation, role=known_role)
    enqueue(send_invitation, invitation_id=invitation.id)
    return invitation


def _open_rows() -> QuerySet[Invitation]:
    rows: QuerySet[Invitation] = Invitation.objects.filter(accepted_at=None, revoked_at=None)
    return rows


def _insert(invitation: Invitation) -> Invitation:
    try:
        with transaction.atomic():
            invitation.save(force_insert=True)
    except IntegrityError as error:  # somebody else invited the same address at the same moment
        raise Refused(
            f"{invitation.email} was invited a moment ago.", code="ALREADY_INVITED", field="email"
        ) from error
    return invitation


def _close(invitation: Invitation, *, actor: User | None) -> None:
    invitation.revoked_at = now()
    invitation.save(update_fields=["revoked_at", "updated_at"])
    audit.record(actor=actor, action="invitation.revoked", subject=invitation)


@transaction.atomic
def revoke(*, invitation_id: UUID, actor: User) -> Invitation:
    """Make an invitation's link worthless. Idempotent. Raises ``Refused`` when it was accepted already; 404."""
    invitation: Invitation = get_or_404(Invitation.objects.select_for_update(), invitation_id)
    if invitation.accepted_at:
        raise Refused("This invitation was accepted already; deactivate the member instead.", code="ACCEPTED")
    if not invitation.revoked_at:
        _close(invitation, actor=actor)
    return invitation


@transaction.atomic
def resend(*, invitation_id: UUID, actor: User) -> Invitation:
    """Mail an open or expired invitation again and let it run anew. Raises ``Refused``; 404."""
    from project.tenancy.tasks import send_invitation

    invitation: Invitation = get_or_404(Invitation.objects.select_for_update(), invitation_id)
    if invitation.accepted_at or invitation.revoked_at:
        raise Refused("Only an open invitation can be sent again.", code="NOT_OPEN")
    invitation.expires_at = now() + timedelta(days=settings.INVITATION_DAYS)
    invitation.sent_at = None
    invitation.save(update_fields=["expires_at", "sent_at", "updated_at"])
    audit.record(actor=actor, action="invitation.resent", subject=invitation)
    enqueue(send_invitation, invitation_id=invitation.id)
    return invitation


def send(*, invitation_id: UUID) -> bool:
    """Mail an invitation that was not mailed yet; say whether a mail left. Called by the task and the sweeper.

    The row stays locked while the mail server takes the mail, so two workers never send it twice; a crash in
    between may, which is harmless.
    """
    with transaction.atomic():
        rows = Invitation.objects.select_related("organization", "invited_by")
        invitation = rows.select_for_update(skip_locked=True, of=("self",)).filter(id=invitation_id).first()
        if invitation is None or invitation.sent_at or invitation.state != "open":
            return False
        context = {
            "invitation": invitation,
            "organization": invitation.organization,
            "role": Role(invitation.role).label,
            "link": link_of(invitation.id),
            "days": settings.INVITATION_DAYS,
        }
        send_mail(
            f"Join {invitation.organization.name} on Outbound Engine X",
            render_to_string("tenancy/mail/invitation.txt", context),
            None,
            [invitation.email],
        )
        invitation.sent_at = now()
        invitation.save(update_fields=["sent_at", "updated_at"])
    return True


def unsent(*, older_than: timedelta) -> list[Invitation]:
    """Return open invitations whose mail was forgotten (platform scope: of all organizations)."""
    moment = now()
    rows = Invitation.objects.filter(
        accepted_at=None,
        revoked_at=None,
        sent_at=None,
        expires_at__gt=moment,
        created_at__lt=moment - older_than,
    )
    return list(rows.order_by("id")[:200])


def open_by_token(token: str) -> Opened:
    """Return the invitation behind a link. Raises ``NotFound`` for links that are wrong, used, revoked or expired."""
    with platform_scope("open an invitation"):
        rows = Invitation.objects.select_related("organization", "invited_by")
        invitation = rows.filter(token_hash=_hash(token)).first()
        if invitation is None or not invitation.organization.is_active:
            raise NotFound("This invitation does not exist. Ask for a new one.")
        if invitation.state != "open":
            what = {"accepted": "was accepted already", "revoked": "was withdrawn", "expired": "has expired"}
            raise NotFound(
                f"This invitation {what[invitation.state]}. Ask for a new one.", state=invitation.state
            )
        has_account = User.objects.filter(email=invitation.email).exists()
        names = Client.objects.filter(organization=invitation.organization, id__in=invitation.client_ids)
        return Opened(
            invitation, invitation.organization, has_account, list(names.values_list("name", flat=True))
        )


def accept(*, token: str, user: User | None, name: str = "", password: str = "") -> Membership:
    """Turn an invitation into a membership: of ``user``, who must own the invited address, or of a new user.

    Raises ``NotFound``, ``Invalid`` (name, password), ``Refused`` (``OTHER_ADDRESS``, ``SIGN_IN_FIRST``).
    """
    opened = open_by_token(token)
    email = opened.invitation.email
    if user is not None and user.email != email:
        raise Refused(
            f"This invitation is for {email}; you are signed in as {user.email}.", code="OTHER_ADDRESS"
        )
    if user is None and opened.has_account:
        raise Refused(f"{email} has an account; sign in to accept.", code="SIGN_IN_FIRST")
    with (
        transaction.atomic(),
        platform_scope("accept an invitation"),
        organization_scope(opened.organization.id),
    ):
        invitation: Invitation = Invitation.objects.select_for_update().get(id=opened.invitation.id)
        if invitation.state != "open":
            raise NotFound("This invitation was used a moment ago.", state=invitation.state)
        person = user or _create_user(email, name, password)
        _verify_address(person)
        membership = memberships.add(
            user=person,
            role=invitation.role,
            all_clients=invitation.all_clients,
            client_ids=[UUID(client_id) for client_id in invitation.client_ids],
            actor=person,
        )
        invitation.accepted_at = now()
        invitation.save(update_fields=["accepted_at", "updated_at"])
        audit.record(actor=person, action="invitation.accepted", subject=invitation)
        return membership


def _create_user(email: str, name: str, password: str) -> User:
    from project.tenancy.services.organizations import check_name

    name = check_name(name)
    try:
        password_validation.validate_password(password, User(email=email, name=name))
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="password") from error
    return User.objects.create_user(email, password, name=name)


def _verify_address(user: User) -> None:
    """The link came by mail: the address is theirs."""
    EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )
