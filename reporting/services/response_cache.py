"""Answers of reports that are kept for a moment: until figures change, at most a minute, or until somebody says so.

What is kept stands under a version of its client, which every change of figures raises once it has committed; so
nothing has to be looked for to be forgotten. Redis may be away: then each process keeps its own for as long, which is
the time for which figures may stand still anyway.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Collection
from typing import Any, Final
from uuid import UUID, uuid4

from django.core.cache import cache
from django.db import transaction

from project.core.scoping import current_organization_id
from project.tenancy import audit
from project.tenancy.access import Access
from project.tenancy.models import Client

SECONDS: Final = 60
_STATISTICS_SECONDS: Final = 7 * 86_400


def _version_key(client_id: UUID) -> str:
    return f"reports:version:{client_id}"


def _counter(name: str) -> str:
    return f"reports:{name}:{current_organization_id()}"


def _count(name: str) -> None:
    key = _counter(name)
    cache.add(key, 0, _STATISTICS_SECONDS)
    try:
        cache.incr(key)
    except ValueError:  # it was forgotten in between
        cache.set(key, 1, _STATISTICS_SECONDS)


def kept(client_id: UUID, asked: dict[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the answer to what was ``asked`` about a client: the kept one, else what ``make`` says (plain JSON)."""
    version = cache.get_or_set(_version_key(client_id), lambda: uuid4().hex, _STATISTICS_SECONDS)
    mark = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
    key = f"reports:answer:{client_id}:{version}:{mark}"
    found: dict[str, Any] | None = cache.get(key)
    if found is not None:
        _count("hits")
        return found
    _count("misses")
    made = make()
    cache.set(key, made, SECONDS)
    return made


def forget(client_ids: Collection[UUID]) -> None:
    """Let nothing that is kept about these clients be used any more, once the transaction has committed."""
    transaction.on_commit(functools.partial(_forget, tuple(client_ids)))


def _forget(client_ids: Collection[UUID]) -> None:
    cache.set_many({_version_key(one): uuid4().hex for one in client_ids}, _STATISTICS_SECONDS)


@transaction.atomic
def purge(*, access: Access) -> None:
    """Let no kept answer of the organization be used any more."""
    forget(list(Client.objects.values_list("id", flat=True)))
    audit.record(actor=access.user, action="report.cache_purged")


def statistics() -> dict[str, int]:
    """How often an answer of the organization was there, and how often it had to be made, in the last week."""
    return {name: int(cache.get(_counter(name)) or 0) for name in ("hits", "misses")}
