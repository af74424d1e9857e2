"""Tenant scope: which organization the running code works for.

The scope lives in a ``ContextVar``, so it follows async tasks and ``sync_to_async`` and never leaks between
threads. Outside a scope every query on a tenant model raises ``ScopeMissing``; the database backend repeats the
scope to PostgreSQL, whose row-level security is the backstop (see docs/decisions/0003-tenancy.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:  # the database backend imports this module before models can load
    from django.db import models


class ScopeMissing(RuntimeError):
    """A tenant model was queried outside of any scope."""


class CrossOrganization(RuntimeError):
    """A row of one organization would be written into, or linked to, another one."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The active scope: one organization, or the whole platform for a stated reason."""

    organization_id: UUID | None
    reason: str = ""

    @property
    def database_value(self) -> str:
        """The value that row-level security compares with: an organization id, or ``platform``."""
        return str(self.organization_id) if self.organization_id else "platform"


_scope: ContextVar[Scope | None] = ContextVar("organization_scope", default=None)


def active_scope() -> Scope | None:
    """Return the active scope, or ``None``."""
    return _scope.get()


def require_scope(what: str = "this query") -> Scope:
    """Return the active scope. Raises ``ScopeMissing`` when there is none."""
    scope = _scope.get()
    if scope is None:
        raise ScopeMissing(f"No organization scope is active for {what}.")
    return scope


def current_organization_id() -> UUID:
    """Return the organization of the active scope. Raises ``ScopeMissing`` in platform scope or outside any."""
    scope = require_scope("the current organization")
    if scope.organization_id is None:
        raise ScopeMissing("The platform scope has no single organization.")
    return scope.organization_id


@contextmanager
def _entered(scope: Scope | None) -> Iterator[None]:
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def organization_scope(organization_id: UUID | str) -> Iterator[None]:
    """Run the block for one organization.

    Entering another organization from within an organization's scope raises ``CrossOrganization``: code that
    spans organizations must say so with ``platform_scope``.
    """
    wanted = organization_id if isinstance(organization_id, UUID) else UUID(str(organization_id))
    active = _scope.get()
    if active is not None and active.organization_id not in {None, wanted}:
        raise CrossOrganization("Already working for another organization; leave that scope first.")
    with _entered(Scope(wanted)):
        yield


@contextmanager
def platform_scope(reason: str) -> Iterator[None]:
    """Run the block over all organizations, for a stated reason (provisioning, claims, sign-in)."""
    if not reason:
        raise ValueError("Say why the platform scope is needed.")
    with _entered(Scope(None, reason)):
        yield


@contextmanager
def no_scope() -> Iterator[None]:
    """Run the block without any scope, as a fresh worker would (tests use it before running tasks)."""
    with _entered(None):
        yield


def scope_row(instance: models.Model) -> None:
    """Fill ``organization_id`` of a tenant row from the scope and refuse rows and links of other organizations.

    Only links that are already loaded are compared here (no query); PostgreSQL's composite foreign keys refuse
    the others.
    """
    scope = require_scope(f"writing {instance._meta.label}")
    row: Any = instance
    if row.organization_id is None and scope.organization_id is not None:
        row.organization_id = scope.organization_id
    if scope.organization_id is not None and row.organization_id != scope.organization_id:
        raise CrossOrganization(f"{instance._meta.label} belongs to another organization.")
    for field in instance._meta.concrete_fields:
        if not field.many_to_one or not field.is_cached(instance):  # type: ignore[attr-defined]
            continue
        linked = getattr(instance, field.name)
        linked_organization = getattr(linked, "organization_id", None)
        if linked_organization is not None and linked_organization != row.organization_id:
            raise CrossOrganization(f"{instance._meta.label}.{field.name} points into another organization.")
