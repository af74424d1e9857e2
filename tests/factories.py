"""Minimal rows of tenancy. Behaviour is set up through services; these only make what must exist first."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from uuid import UUID

from django.contrib.auth.hashers import make_password

from project.core.scoping import no_scope, organization_scope
from project.tenancy.access import Access, access_for
from project.tenancy.models import (
    Capability,
    Client,
    Entitlement,
    Membership,
    MembershipClient,
    Organization,
    Role,
    User,
)

PASSWORD = "correct horse battery"


@dataclass
class Agency:
    """An organization with two clients and a person per role (``people["admin"]``, ...).

    ``limited`` is a manager over ``second`` only; ``people["client"]`` is a client user of ``first``.
    """

    organization: Organization
    first: Client
    second: Client
    people: dict[str, User] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        return self.organization.id

    @property
    def slug(self) -> str:
        return self.organization.slug

    @property
    def admin(self) -> User:
        return self.people["admin"]

    @property
    def manager(self) -> User:
        return self.people["manager"]

    @property
    def agent(self) -> User:
        return self.people["agent"]

    @property
    def agent2(self) -> User:
        return self.people["agent2"]

    @property
    def viewer(self) -> User:
        return self.people["viewer"]

    @property
    def client_user(self) -> User:
        return self.people["client"]

    @property
    def ops(self) -> User:
        return self.people["ops"]

    @property
    def limited(self) -> User:
        return self.people["limited"]

    def scope(self) -> AbstractContextManager[None]:
        return organization_scope(self.id)

    def access(self, user: User) -> Access:
        """The access of a member (enters the scope itself)."""
        with self.scope():
            found = access_for(user, self.organization)
        assert found is not None
        return found

    def url(self, path: str = "") -> str:
        """An address below ``/o/<slug>/``."""
        return f"/o/{self.slug}/{path}"


def make_user(email: str, *, name: str = "", **fields: object) -> User:
    return User.objects.create_user(
        email, PASSWORD, name=name or email.split("@", maxsplit=1)[0].title(), **fields
    )


def make_organization(slug: str) -> Organization:
    return Organization.objects.create(name=slug.title(), slug=slug)


def make_client(name: str, **fields: object) -> Client:
    """Needs the organization's scope."""
    made: Client = Client.objects.create(name=name, slug=name.lower().replace(" ", "-"), **fields)
    return made


def make_member(
    user: User, role: str, clients: Iterable[Client] | None = None, **fields: object
) -> Membership:
    """Needs the organization's scope. ``clients`` limits the membership."""
    membership: Membership = Membership.objects.create(
        user=user, role=role, all_clients=clients is None, **fields
    )
    for client in clients or ():
        MembershipClient.objects.create(membership=membership, client=client)
    return membership


@cache
def _password_hash() -> str:
    return make_password(PASSWORD)


#: Everybody of an agency with their role, and the client that they are limited to.
_PEOPLE: dict[str, tuple[str, str]] = {
    **{name: (name.rstrip("2"), "") for name in ("admin", "manager", "agent", "agent2", "viewer", "ops")},
    "client": (Role.CLIENT, "first"),
    "limited": (Role.MANAGER, "second"),
}


def _staff(agency: Agency, slug: str) -> None:
    """The people of an agency, with a statement for each table: nearly every test begins with them."""
    people = User.objects.bulk_create(
        User(email=f"{name}@{slug}.test", name=name.title(), password=_password_hash()) for name in _PEOPLE
    )
    agency.people = dict(zip(_PEOPLE, people, strict=True))
    members = Membership.objects.bulk_create(
        Membership(user=agency.people[name], role=role, all_clients=not only)
        for name, (role, only) in _PEOPLE.items()
    )
    MembershipClient.objects.bulk_create(
        MembershipClient(membership=member, client=getattr(agency, only))
        for member, (_, only) in zip(members, _PEOPLE.values(), strict=True)
        if only
    )


def make_agency(slug: str) -> Agency:
    organization = make_organization(slug)
    # Also from within another agency's scope: tests look at two of them.
    with no_scope(), organization_scope(organization.id):
        clients = [
            Client(name=name, slug=name.lower(), colour=number)
            for number, name in enumerate(("Halden", "Tessera"), start=1)
        ]
        agency = Agency(organization, *Client.objects.bulk_create(clients))
        _staff(agency, slug)
        Entitlement.objects.create(client=None, capability=Capability.LINKEDIN_OUTREACH, provider="unipile")
    return agency
