"""Tables of tenancy."""

from project.tenancy.models.audit import AuditEntry
from project.tenancy.models.organizations import Capability, Client, Entitlement, Organization
from project.tenancy.models.people import ApiToken, Invitation, Membership, MembershipClient, RefreshToken, Role, User

__all__ = [
    "ApiToken",
    "AuditEntry",
    "Capability",
    "Client",
    "Entitlement",
    "Invitation",
    "Membership",
    "MembershipClient",
    "Organization",
    "RefreshToken",
    "Role",
    "User",
]
