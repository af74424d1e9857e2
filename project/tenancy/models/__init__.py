"""Tables of tenancy."""

from project.tenancy.models.audit import AuditEntry
from project.tenancy.models.organizations import Capability, Client, Entitlement, Organization
from project.tenancy.models.people import (
    ApiToken,
    Invitation,
    Membership,
    MembershipClient,
    RefreshToken,
    Role,
    User,
)
from project.tenancy.models.requests import IdempotencyKey

__all__ = [
    "ApiToken",
    "AuditEntry",
    "Capability",
    "Client",
    "Entitlement",
    "IdempotencyKey",
    "Invitation",
    "Membership",
    "MembershipClient",
    "Organization",
    "RefreshToken",
    "Role",
    "User",
]
