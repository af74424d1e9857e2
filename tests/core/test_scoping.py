"""Tenancy fails closed: outside a scope nothing answers, inside one nothing of another organization is reachable."""

from __future__ import annotations

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, ProgrammingError, connection, transaction

from project.core.scoping import CrossOrganization, ScopeMissing, no_scope, organization_scope, platform_scope
from project.tenancy.models import AuditEntry, Client, Entitlement, Organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def two() -> tuple[Organization, Organization]:
    """Two organizations, each with one client."""
    organizations = []
    for slug in ("kestrel", "rival"):
        organization = Organization.objects.create(name=slug.title(), slug=slug)
        with organization_scope(organization.id):
            Client.objects.create(name=f"{slug} client", slug="client")
        organizations.append(organization)
    return organizations[0], organizations[1]


def test_every_query_outside_a_scope_raises(two: tuple[Organization, Organization]) -> None:
    attempts = [
        lambda: list(Client.objects.all()),
        lambda: [Client.objects.count()],
        lambda: [Client.objects.exists()],
        lambda: Client.objects.filter(name="x").exists(),
        lambda: Client.objects.create(organization=two[0], name="x", slug="x"),
        lambda: Client.objects.bulk_create([Client(organization=two[0], name="x", slug="x")]),
        lambda: Client.objects.get_or_create(organization=two[0], name="x", slug="x"),
        lambda: Client.objects.update(name="x"),
        lambda: Client.objects.all().delete(),
        lambda: Client(organization=two[0], name="x", slug="x").save(),
        lambda: [Client._base_manager.all()],
    ]
    for attempt in attempts:
        with pytest.raises(ScopeMissing):
            attempt()


def test_following_a_foreign_key_outside_a_scope_raises(two: tuple[Organization, Organization]) -> None:
    with organization_scope(two[0].id):
        entitlement = Entitlement.objects.create(
            client=Client.objects.get(), capability="linkedin_outreach", provider="unipile"
        )
        fresh = Entitlement.objects.get(id=entitlement.id)
    with pytest.raises(ScopeMissing):
        _ = fresh.client


def test_a_scope_shows_only_its_organization(two: tuple[Organization, Organization]) -> None:
    with organization_scope(two[0].id):
        assert [client.name for client in Client.objects.all()] == ["kestrel client"]
    with platform_scope("test"):
        assert Client.objects.count() == 2


def test_rows_and_links_of_another_organization_are_refused(two: tuple[Organization, Organization]) -> None:
    with organization_scope(two[1].id):
        foreign = Client.objects.get()
    with organization_scope(two[0].id):
        with pytest.raises(CrossOrganization):
            Client.objects.create(organization=two[1], name="x", slug="x")
        with pytest.raises(CrossOrganization):
            Client.objects.bulk_create([Client(organization=two[1], name="x", slug="x")])
        with pytest.raises(CrossOrganization):
            Client.objects.update(organization=two[1])
        with pytest.raises(CrossOrganization):
            Entitlement.objects.create(client=foreign, capability="sms_outreach", provider="twilio")


def test_entering_another_organization_from_within_one_is_refused(
    two: tuple[Organization, Organization],
) -> None:
    with organization_scope(two[0].id), pytest.raises(CrossOrganization), organization_scope(two[1].id):
        pass


@pytest.mark.django_db(transaction=True)
def test_postgresql_refuses_a_link_by_id_across_organizations(two: tuple[Organization, Organization]) -> None:
    with organization_scope(two[1].id):
        foreign = Client.objects.get().id
    with organization_scope(two[0].id), pytest.raises(IntegrityError):
        Entitlement.objects.create(client_id=foreign, capability="sms_outreach", provider="twilio")


def test_row_level_security_holds_against_raw_sql(two: tuple[Organization, Organization]) -> None:
    def names() -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM tenancy_client ORDER BY name")
            return [row[0] for row in cursor.fetchall()]

    assert names() == []
    with organization_scope(two[0].id):
        assert names() == ["kestrel client"]
    with platform_scope("test"):
        assert names() == ["kestrel client", "rival client"]
    with no_scope():
        assert names() == []


def test_row_level_security_refuses_foreign_inserts(two: tuple[Organization, Organization]) -> None:
    with organization_scope(two[0].id), pytest.raises(ProgrammingError), transaction.atomic():  # noqa: SIM117
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO tenancy_client (id, organization_id, name, slug, colour, time_zone, is_archived,"
                " created_at, updated_at) VALUES (gen_random_uuid(), %s, 'x', 'x', 1, 'UTC', false, now(), now())",
                [two[1].id],
            )


def test_the_server_knows_the_scope_again_after_a_rollback(two: tuple[Organization, Organization]) -> None:
    with platform_scope("test"):
        Client.objects.count()
    with organization_scope(two[0].id):
        with pytest.raises(IntegrityError), transaction.atomic():
            Client.objects.create(name="x", slug="client")
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM tenancy_client")
            assert [row[0] for row in cursor.fetchall()] == ["kestrel client"]


def test_the_audit_log_is_append_only(two: tuple[Organization, Organization]) -> None:
    with organization_scope(two[0].id):
        AuditEntry.objects.create(actor_name="Ana", action="client.created")
        with pytest.raises(ProgrammingError), transaction.atomic():
            AuditEntry.objects.update(actor_name="Nobody")
        with pytest.raises(ProgrammingError), transaction.atomic():
            AuditEntry.objects.all()._raw_delete("default")


@pytest.mark.django_db(transaction=True)
def test_a_cut_connection_is_told_in_djangos_words_whatever_finds_out_first(
    two: tuple[Organization, Organization],
) -> None:
    with organization_scope(two[0].id):
        assert Client.objects.count() == 1
    # As when the server is restarted. Entering another scope is what talks to it next.
    params = connection.get_connection_params()
    pid = connection.connection.info.backend_pid
    login = {name: params[name] for name in ("dbname", "user", "password", "host", "port")}
    with psycopg.connect(**login) as owner:
        owner.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    with organization_scope(two[1].id), pytest.raises(OperationalError):
        Client.objects.count()
    connection.close()
    with organization_scope(two[1].id):
        assert Client.objects.count() == 1
