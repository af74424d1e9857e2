"""Base models of tenant data, and the tables of the realtime streams."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from django.db import models
from django.utils import timezone

from project.core.ids import uuid7
from project.core.realtime.models import StreamCounter, StreamEvent
from project.core.scoping import CrossOrganization, require_scope, scope_row

__all__ = [
    "DerivedModel",
    "Heartbeat",
    "OrganizationForeignKey",
    "OrganizationModel",
    "OrganizationQuerySet",
    "PlainModel",
    "StreamCounter",
    "StreamEvent",
]


class PlainModel(models.Model):
    """A table outside tenancy (users, organizations): a UUIDv7 key and time stamps."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class OrganizationQuerySet(models.QuerySet[Any]):
    """Query set of tenant rows: bulk writes are scoped like single ones."""

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Insert many rows after filling and checking their organization."""
        rows = list(objs)
        for row in rows:
            scope_row(row)
        return super().bulk_create(rows, *args, **kwargs)

    def bulk_update(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> int:
        """Update many rows after checking their organization."""
        rows = list(objs)
        for row in rows:
            scope_row(row)
        return super().bulk_update(rows, *args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        """Update rows; moving them to another organization is refused."""
        if "organization" in kwargs or "organization_id" in kwargs:
            raise CrossOrganization(f"{self.model._meta.label} rows cannot change their organization.")
        return super().update(**kwargs)


class OrganizationManager(models.Manager.from_queryset(OrganizationQuerySet)):  # type: ignore[misc]
    """Manager that answers only inside a scope and only for its organization.

    It is also the base manager (``base_manager_name``), so following a foreign key fails closed too.
    """

    def get_queryset(self) -> Any:
        """Return the rows of the active scope. Raises ``ScopeMissing`` outside one."""
        scope = require_scope(self.model._meta.label)
        rows = super().get_queryset()
        return rows if scope.organization_id is None else rows.filter(organization_id=scope.organization_id)


class OrganizationForeignKey(models.ForeignKey):  # type: ignore[type-arg]
    """A link between two tenant rows.

    The database constraint is a composite one on ``(organization_id, column)``, created after migration by
    ``project.core.isolation``, so PostgreSQL itself refuses links across organizations.
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(to, on_delete, **kwargs)


class OrganizationModel(models.Model):
    """A tenant row: carries its organization and is reachable only inside a scope."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("tenancy.Organization", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = OrganizationManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save after filling and checking the organization. Raises ``CrossOrganization``, ``ScopeMissing``."""
        scope_row(self)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete inside the scope only."""
        scope_row(self)
        return super().delete(*args, **kwargs)

    def refreshed(self) -> Self:
        """Reload this row from the database and return it."""
        self.refresh_from_db()
        return self


class DerivedModel(models.Model):
    """Rows that are counted from tenant rows in bulk: scoped and under row-level security, without an id of their own.

    Their key is what they are about (``CompositePrimaryKey`` with the organization first). They are written by
    statements over whole tables, so they carry no time stamps either, and no constraint is asked for each row.
    """

    organization = models.ForeignKey(
        "tenancy.Organization",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    objects = OrganizationManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"


class Heartbeat(models.Model):
    """Last sign of life of a named process (beat, workers), for ``/readyz`` and the operations pages."""

    name = models.CharField(primary_key=True, max_length=80)
    beaten_at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    class Meta:
        app_label = "core"
