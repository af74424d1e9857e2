"""Removing the demo organization, with everything that it holds."""

from __future__ import annotations

from django.db import connection, transaction

from project.core.db.base import owner_connection
from project.core.isolation import tenant_tables


def remove(slug: str) -> bool:
    """Delete an organization and all its rows, as owner; say whether there was one. For the demo only.

    Rows refer to each other across rooms and the audit log is append-only for the application, so the owner deletes
    table by table; all foreign keys are deferrable and are checked once, at the end.
    """
    with owner_connection(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenancy_organization WHERE slug = %s", [slug])
        found = cursor.fetchone()
        if found is None:
            return False
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in tenant_tables():
            cursor.execute(f'DELETE FROM "{table}" WHERE organization_id = %s', [found[0]])  # noqa: S608
        cursor.execute("DELETE FROM tenancy_refreshtoken WHERE organization_id = %s", [found[0]])
        cursor.execute("DELETE FROM tenancy_organization WHERE id = %s", [found[0]])
    return True
