"""What the JSON API of tenancy takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from project.core.api_values import Instant

RoleName = Literal["admin", "manager", "agent", "viewer", "client", "ops"]
CapabilityName = Literal["linkedin_outreach", "email_outreach", "sms_outreach"]


class LoginIn(Schema):
    """Signing in. ``code`` is needed by people with a second factor, ``organization`` (slug) by members of several."""

    email: str = Field(max_length=254)
    password: str = Field(max_length=1000)
    code: str = Field("", max_length=40)
    organization: str = Field("", max_length=60)


class RefreshIn(Schema):
    """A refresh token to exchange or to end."""

    refresh_token: str = Field(max_length=4000)


class TokensOut(Schema):
    """A pair of tokens; ``expires_in`` is in seconds. The refresh token is good for one exchange."""

    access_token: str
    refresh_token: str
    token_type: str = "bearer"  # noqa: S105 - the name of the scheme
    expires_in: int
    organization: str


class OrganizationOut(Schema):
    """An organization."""

    id: UUID
    name: str
    slug: str
    time_zone: str
    is_active: bool
    created_at: datetime


class OrganizationPatch(Schema):
    """Changes of the own organization."""

    name: str | None = Field(None, max_length=120)
    time_zone: str | None = Field(None, max_length=64)


class ProvisionIn(Schema):
    """A new organization, its first admin, and its capabilities with the provider that serves each."""

    name: str = Field(max_length=120)
    slug: str = Field("", max_length=60)
    time_zone: str = Field("UTC", max_length=64)
    admin_email: str = Field(max_length=254)
    capabilities: dict[CapabilityName, str] = {}


class ProvisionOut(Schema):
    """What was made: the admin is a member at once if they had an account, else invited."""

    organization: OrganizationOut
    admin_invited: bool


class SuspensionIn(Schema):
    """Whether members may come in."""

    is_active: bool


class UserOut(Schema):
    """A person."""

    id: UUID
    email: str
    name: str = Field(alias="display_name")


class MePatch(Schema):
    """What people choose for themselves. `time_zone`: that pages show times in; empty: each organization's own."""

    time_zone: str = Field(max_length=64)


class MembershipOut(Schema):
    """One of the caller's places."""

    organization: str
    organization_name: str
    role: RoleName


class MeOut(Schema):
    """The caller. ``organization``, ``role`` and ``client_ids`` are those of the token (null for sessions)."""

    user: UserOut
    time_zone: str
    memberships: list[MembershipOut]
    is_superadmin: bool
    organization: str | None = None
    role: RoleName | None = None
    client_ids: list[UUID] | None = None
    read_only: bool = False


class ClientOut(Schema):
    """A client; ``colour`` is 1 to 8."""

    id: UUID
    name: str
    slug: str
    colour: int
    time_zone: str
    is_archived: bool
    created_at: datetime


class ClientIn(Schema):
    """A new client; the colour that is used least and the organization's time zone are the defaults."""

    name: str = Field(max_length=120)
    colour: int | None = Field(None, ge=1, le=8)
    time_zone: str = Field("", max_length=64)


class ClientPatch(Schema):
    """Changes of a client."""

    name: str | None = Field(None, max_length=120)
    colour: int | None = Field(None, ge=1, le=8)
    time_zone: str | None = Field(None, max_length=64)
    is_archived: bool | None = None


class ReachIn(Schema):
    """A role over all clients, or over some. ``client`` members always need some."""

    role: RoleName
    all_clients: bool = True
    client_ids: list[UUID] = Field([], max_length=500)


class MemberOut(Schema):
    """A member."""

    id: UUID
    user: UserOut
    role: RoleName
    all_clients: bool
    client_ids: list[UUID]
    is_active: bool
    created_at: datetime

    @staticmethod
    def resolve_client_ids(row: Any) -> list[UUID]:
        """The clients of a limited membership (prefetched)."""
        return [link.client_id for link in row.client_links.all()]


class MemberPatch(Schema):
    """Changes of a member: a role with its reach, or being active."""

    reach: ReachIn | None = None
    is_active: bool | None = None


class InvitationIn(ReachIn):
    """Whom to invite."""

    email: str = Field(max_length=254)


class InvitationOut(Schema):
    """An invitation."""

    id: UUID
    email: str
    role: RoleName
    all_clients: bool
    client_ids: list[UUID]
    state: Literal["open", "accepted", "revoked", "expired"]
    expires_at: datetime
    created_at: datetime


class TokenIn(Schema):
    """A new API token; ``expires_in_days`` null means never."""

    name: str = Field(max_length=80)
    scopes: list[Literal["read", "write"]] = Field(["read"], min_length=1, max_length=2)
    expires_in_days: int | None = Field(365, ge=1, le=730)


class TokenOut(Schema):
    """An API token without its secret."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    owner: UserOut = Field(alias="user")
    state: Literal["active", "revoked", "expired"]
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


class NewTokenOut(Schema):
    """A new API token; ``token`` is shown this once."""

    token: str
    details: TokenOut


class EntitlementIn(Schema):
    """A capability through a provider, for one client or (null) for all."""

    capability: CapabilityName
    provider: str = Field(max_length=32)
    client_id: UUID | None = None


class EntitlementOut(Schema):
    """An entitlement."""

    id: UUID
    capability: CapabilityName
    provider: str
    client_id: UUID | None
    created_at: datetime


class AuditOut(Schema):
    """One entry of the audit log."""

    id: UUID
    at: datetime = Field(alias="created_at")
    actor_id: UUID | None
    actor_name: str
    action: str
    client_id: UUID | None
    subject_type: str
    subject_id: UUID | None
    subject_label: str
    data: dict[str, Any]
    request_id: str
    address: str | None


class AuditFilter(Schema):
    """Filters of the audit log; all of them must fit."""

    action: str = Field("", alias="filter[action]", description="Beginning of the action, such as member.")
    actor_id: UUID | None = Field(None, alias="filter[actor_id]")
    client_id: UUID | None = Field(None, alias="filter[client_id]")
    subject_id: UUID | None = Field(None, alias="filter[subject_id]")
    since: Instant | None = Field(None, alias="filter[since]")
    until: Instant | None = Field(None, alias="filter[until]")
