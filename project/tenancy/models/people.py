"""Users, memberships with roles, invitations, and the tokens that stand for a user."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone

from project.core.models import OrganizationForeignKey, OrganizationModel, PlainModel
from project.tenancy.models.organizations import Client, Organization


class Role(models.TextChoices):
    """What a member does; the rights of each role are in ``project.tenancy.access``."""

    ADMIN = "admin", "Admin"
    MANAGER = "manager", "Manager"
    AGENT = "agent", "Agent"
    VIEWER = "viewer", "Viewer"
    CLIENT = "client", "Client"
    OPS = "ops", "Operations"


class UserManager(BaseUserManager["User"]):
    """Creates users by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a person who signs in with ``email``; without a password they must reset it first."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        """Find a user by e-mail, in any case."""
        return self.get(email=(username or "").lower())


class User(PlainModel, AbstractBaseUser):
    """A person. What they may do in an organization is a ``Membership``; ``is_superadmin`` is platform staff."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    is_superadmin = models.BooleanField(default=False)
    date_joined = models.DateTimeField(default=timezone.now)
    #: The zone that times are shown in; empty: each organization's own.
    time_zone = models.CharField(max_length=64, blank=True, default="")
    #: Raised to invalidate every JWT of this person at once.
    token_version = models.PositiveIntegerField(default=0)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        """The name shown to others: the full name, else the e-mail address."""
        return self.name or self.email

    @property
    def initials(self) -> str:
        """Up to two letters for the avatar."""
        words = self.display_name.replace("@", " ").split()
        return "".join(word[0] for word in words[:2]).upper()

    @property
    def avatar_tone(self) -> int:
        """A stable avatar ground, 1 to 4."""
        return self.id.int % 4 + 1

    def get_full_name(self) -> str:
        """The full name (Django's protocol)."""
        return self.display_name


class Membership(OrganizationModel):
    """A user's place in an organization: one role, over all clients or over some."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=16, choices=Role.choices)
    all_clients = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="membership_once")]

    def __str__(self) -> str:
        return self.user.display_name


class MembershipClient(OrganizationModel):
    """A client that a limited membership reaches."""

    membership = OrganizationForeignKey(Membership, on_delete=models.CASCADE, related_name="client_links")
    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "membership", "client"], name="membership_client_once"
            )
        ]


class Invitation(OrganizationModel):
    """An invitation by e-mail; the link holds the token, the row only its hash."""

    email = models.EmailField()
    role = models.CharField(max_length=16, choices=Role.choices)
    all_clients = models.BooleanField(default=True)
    client_ids = models.JSONField(default=list)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    expires_at = models.DateTimeField()
    #: When the mail was handed to the mail server; the sweeper sends what was forgotten.
    sent_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="invitation_open_once",
            )
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def state(self) -> str:
        """``accepted``, ``revoked``, ``expired`` or ``open``."""
        if self.accepted_at:
            return "accepted"
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at <= timezone.now() else "open"


class ApiToken(OrganizationModel):
    """A token of the JSON API: acts as its user, narrowed to scopes; only its hash is stored."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16)
    token_hash = models.CharField(max_length=64, unique=True)
    #: ``read`` or ``write`` (write includes read).
    scopes = models.JSONField(default=list)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """``active``, ``revoked`` or ``expired``."""
        if self.revoked_at:
            return "revoked"
        if self.expires_at and self.expires_at <= timezone.now():
            return "expired"
        return "active"


class RefreshToken(models.Model):
    """A JWT refresh token in use; spent at once when it is exchanged, so that a stolen one is noticed."""

    id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    family = models.UUIDField(db_index=True)
    expires_at = models.DateTimeField(db_index=True)
    spent_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.id)
