"""Tenancy over all models: rows and links of another organization are refused, by Python and by PostgreSQL."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction

from project.core.isolation import EXTRA_SCOPED_TABLES, AppendOnly, derived_models
from project.core.models import DerivedModel, OrganizationForeignKey, OrganizationModel
from project.core.scoping import CrossOrganization, ScopeMissing, no_scope
from tests.factories import Agency
from tests.rows import Rows, tenant_models

MODELS = tenant_models()
LINKS = [
    (model, column)
    for model in MODELS
    for column in model._meta.local_concrete_fields
    if isinstance(column, OrganizationForeignKey)
]

#: Tables with an organization that are not tenant tables, each with the reason.
OUTSIDE = {
    "tenancy.RefreshToken": "found by the signature of a JWT before any organization is known; holds no tenant data",
}


def _label(value: Any) -> str:
    # A class of a model with a field called "name" has an attribute of that name, too.
    return str(value._meta.label if isinstance(value, type) else value.name)


def test_every_table_with_an_organization_is_a_tenant_table() -> None:
    for model in apps.get_models():
        columns = {column.attname for column in model._meta.concrete_fields}
        if "organization_id" not in columns or model._meta.db_table in EXTRA_SCOPED_TABLES:
            continue
        assert issubclass(model, OrganizationModel | DerivedModel) or model._meta.label in OUTSIDE, (
            model._meta.label
        )


def test_links_between_tenant_rows_are_organization_keys() -> None:
    for model in MODELS:
        for column in model._meta.local_concrete_fields:
            if isinstance(column, models.ForeignKey) and issubclass(column.related_model, OrganizationModel):
                assert isinstance(column, OrganizationForeignKey), f"{model._meta.label}.{column.name}"


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=_label)
def test_nothing_is_read_or_written_outside_a_scope(model: type[OrganizationModel]) -> None:
    attempts = [
        lambda: model.objects.all().exists(),
        lambda: list(model.objects.all()),
        lambda: model.objects.bulk_create([model()]),
        lambda: model.objects.all().delete(),
        lambda: model().save(),
        lambda: model._base_manager.all().count(),
    ]
    with no_scope():
        for attempt in attempts:
            with pytest.raises(ScopeMissing):
                attempt()


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=_label)
def test_rows_stay_in_their_organization(
    model: type[OrganizationModel], kestrel: Agency, rival: Agency
) -> None:
    with kestrel.scope():
        row = Rows(kestrel, kestrel.first).fresh(model)
        assert model.objects.filter(id=row.id).exists()
    with rival.scope():
        assert not model.objects.filter(id=row.id).exists()
        with pytest.raises(CrossOrganization):
            row.save()
        with connection.cursor() as cursor:
            # The backstop: raw SQL sees nothing of another organization either.
            cursor.execute(f'SELECT count(*) FROM "{model._meta.db_table}" WHERE id = %s', [row.id])
            assert cursor.fetchone() == (0,)


@pytest.mark.django_db
@pytest.mark.parametrize(("model", "column"), LINKS, ids=_label)
def test_links_across_organizations_are_refused(
    model: type[OrganizationModel], column: OrganizationForeignKey, kestrel: Agency, rival: Agency
) -> None:
    with rival.scope():
        foreign = Rows(rival, rival.first).fresh(column.related_model)
    with kestrel.scope():
        rows = Rows(kestrel, kestrel.first)
        with pytest.raises(CrossOrganization), transaction.atomic():
            rows.fresh(model, **{column.name: foreign})
        # By id, without the row being loaded, PostgreSQL refuses (at the end of the transaction).
        with pytest.raises(IntegrityError), transaction.atomic():
            link_by_id(rows, model, column, foreign.id)


def link_by_id(
    rows: Rows, model: type[OrganizationModel], column: OrganizationForeignKey, foreign: UUID
) -> None:
    rows.fresh(model, **{column.attname: foreign})
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.django_db
def test_every_tenant_table_has_row_level_security() -> None:
    tables = [model._meta.db_table for model in [*MODELS, *derived_models()]] + list(EXTRA_SCOPED_TABLES)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, c.relrowsecurity, count(p.polname) FROM pg_class c LEFT JOIN pg_policy p ON"
            " p.polrelid = c.oid WHERE c.relname = ANY(%s) AND c.relkind IN ('r', 'p') GROUP BY 1, 2",
            [tables],
        )
        found = {name: (secured, policies) for name, secured, policies in cursor.fetchall()}
    assert found == dict.fromkeys(tables, (True, 1))


@pytest.mark.django_db
def test_the_application_role_cannot_get_around_row_level_security() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False)
        cursor.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db
def test_append_only_tables_cannot_be_changed() -> None:
    append_only = [model for model in apps.get_models() if issubclass(model, AppendOnly)]
    assert append_only
    with connection.cursor() as cursor:
        for model in append_only:
            for right in ("UPDATE", "DELETE", "TRUNCATE"):
                cursor.execute("SELECT has_table_privilege(%s, %s)", [model._meta.db_table, right])
                assert cursor.fetchone() == (False,), f"{right} on {model._meta.label}"


def test_unique_constraints_are_within_an_organization() -> None:
    """A constraint over tenant rows names the organization or a row of it, so one tenant never blocks another."""
    for model in MODELS:
        links = {column.name for column in model._meta.local_concrete_fields if column.is_relation}
        ids = {column.name for column in model._meta.local_concrete_fields if column.name.endswith("_id")}
        for constraint in model._meta.constraints:
            if isinstance(constraint, models.UniqueConstraint):
                assert set(constraint.fields) & (links | ids), f"{model._meta.label}: {constraint.name}"
