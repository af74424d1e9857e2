"""Tenant isolation in PostgreSQL: the application role, row-level security, composite foreign keys, append-only tables.

Applied after every migration run, idempotently, from the models themselves: a tenant table cannot be forgotten.
Each statement only adds what is missing; constraints are added ``NOT VALID`` and validated afterwards, so large
tables are not locked while they are checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db import connection, models

from project.core.models import DerivedModel, OrganizationForeignKey, OrganizationModel
from project.core.partitions import PartitionedByMonth, ensure_partitions

#: Tables with an ``organization_id`` that are not ``OrganizationModel`` (core may not know organizations).
EXTRA_SCOPED_TABLES = ("core_streamevent", "core_streamcounter")

POLICY = """
CREATE POLICY organization_isolation ON {table}
USING (
    organization_id = (SELECT CASE WHEN current_setting('app.scope', true) IN ('', 'platform') THEN NULL
                              ELSE current_setting('app.scope', true)::uuid END)
    OR (SELECT current_setting('app.scope', true) = 'platform')
)
"""


class AppendOnly:
    """Marks a model whose rows the application role may insert and read, never change or delete."""


def tenant_models() -> list[type[OrganizationModel]]:
    """Return all concrete tenant models."""
    return [model for model in apps.get_models() if issubclass(model, OrganizationModel)]


def derived_models() -> list[type[DerivedModel]]:
    """Return all models of rows that are counted from tenant rows."""
    return [model for model in apps.get_models() if issubclass(model, DerivedModel)]


def tenant_tables() -> list[str]:
    """Return the names of all tables under row-level security."""
    scoped = [*tenant_models(), *derived_models()]
    return [model._meta.db_table for model in scoped] + list(EXTRA_SCOPED_TABLES)


def on_post_migrate(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """Apply isolation once, after the last app of a migration run."""
    last = [config for config in apps.get_app_configs() if config.models_module is not None][-1]
    if sender.label != last.label or (
        kwargs.get("plan") is None and not connection.introspection.table_names()
    ):
        return
    apply()


def apply() -> None:
    """Bring roles, policies, constraints, partitions and grants in line with the models."""
    existing = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        _ensure_role(cursor)
        if "tenancy_organization" not in existing:
            return
        for table in tenant_tables():
            if table in existing:
                _ensure_policy(cursor, table)
        for model in tenant_models():
            if model._meta.db_table in existing:
                _ensure_unique(cursor, model)
        for statement, name in _composite_keys(existing):
            _ensure_constraint(cursor, statement, name)
    ensure_partitions(datetime.now(UTC).date())
    with connection.cursor() as cursor:
        _grant(cursor)


def _role() -> str:
    return connection.ops.quote_name(settings.DATABASE_APP_ROLE)


def _ensure_role(cursor: Any) -> None:
    if not settings.DATABASE_APP_ROLE:
        return
    # Several databases of one server may be migrated at once (parallel tests): losing the race is fine.
    cursor.execute(
        f"""
        DO $$ BEGIN
            CREATE ROLE {_role()} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
        """
    )
    cursor.execute(f"GRANT {_role()} TO CURRENT_USER")


def _ensure_policy(cursor: Any, table: str) -> None:
    cursor.execute("SELECT relrowsecurity FROM pg_class WHERE oid = %s::regclass", [table])
    if not cursor.fetchone()[0]:
        cursor.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    cursor.execute(
        "SELECT 1 FROM pg_policy WHERE polrelid = %s::regclass AND polname = 'organization_isolation'",
        [table],
    )
    if cursor.fetchone() is None:
        cursor.execute(POLICY.format(table=f'"{table}"'))


def _ensure_unique(cursor: Any, model: type[models.Model]) -> None:
    if issubclass(model, PartitionedByMonth):
        return
    table = model._meta.db_table
    _ensure_index(cursor, table, f"{table[:45]}_org_id_key")


def _ensure_index(cursor: Any, table: str, name: str) -> None:
    cursor.execute("SELECT to_regclass(%s)", [name])
    if cursor.fetchone()[0] is None:
        cursor.execute(f'CREATE UNIQUE INDEX "{name}" ON "{table}" (organization_id, id)')


def _composite_keys(existing: set[str]) -> Iterator[tuple[str, str]]:
    for model in tenant_models():
        table = model._meta.db_table
        if table not in existing:
            continue
        for field in model._meta.local_concrete_fields:
            if not isinstance(field, OrganizationForeignKey):
                continue
            name = f"{table[:30]}_{field.column[:25]}_org"
            target = field.related_model._meta.db_table
            # NOT VALID foreign keys are not possible on partitioned tables; those are empty when they are made.
            not_valid = "" if issubclass(model, PartitionedByMonth) else " NOT VALID"
            yield (
                f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" FOREIGN KEY (organization_id, "{field.column}") '
                f'REFERENCES "{target}" (organization_id, id) DEFERRABLE INITIALLY DEFERRED{not_valid};'
                + (f'ALTER TABLE "{table}" VALIDATE CONSTRAINT "{name}"' if not_valid else ""),
                name,
            )


def _ensure_constraint(cursor: Any, statement: str, name: str) -> None:
    cursor.execute("SELECT 1 FROM pg_constraint WHERE conname = %s", [name])
    if cursor.fetchone() is None:
        for part in filter(None, statement.split(";")):
            cursor.execute(part)


def _grant(cursor: Any) -> None:
    if not settings.DATABASE_APP_ROLE:
        return
    cursor.execute(f"GRANT USAGE ON SCHEMA public TO {_role()}")
    cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {_role()}")
    cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {_role()}")
    for model in apps.get_models():
        if issubclass(model, AppendOnly):
            cursor.execute(f'REVOKE UPDATE, DELETE, TRUNCATE ON "{model._meta.db_table}" FROM {_role()}')
