"""Who may listen to what. Core knows neither members nor conversations: the floors above register here.

``project.tenancy`` registers how a user becomes the viewer of an organization; every app registers, for the
prefixes of its streams, who may subscribe. A prefix that nobody registered is refused.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import auth

from project.core.realtime.names import BadStreamName, check_name, prefix_of
from project.core.scoping import organization_scope


@dataclass(frozen=True, slots=True)
class Viewer:
    """A user looking at one organization. ``access``: what tenancy knows of their rights, opaque to core."""

    user_id: UUID
    organization_id: UUID
    name: str
    access: Any


ViewerResolver = Callable[[Any, str], Viewer | None]
Authorizer = Callable[[Viewer, str], bool]

_resolver: list[ViewerResolver] = []
_authorizers: dict[str, Authorizer] = {}

FORBIDDEN = "forbidden"
UNKNOWN = "unknown"


def register_viewer_resolver(function: ViewerResolver) -> ViewerResolver:
    """Register how ``(user, organization slug)`` becomes a viewer, or ``None`` for who is not a member."""
    _resolver[:] = [function]
    return function


def register_authorizer(prefix: str) -> Callable[[Authorizer], Authorizer]:
    """Register who may subscribe to the streams of a prefix.

    The function gets the viewer and the stream's name, runs inside the organization's scope and may query.
    Registering a prefix again replaces it.
    """

    def register(function: Authorizer) -> Authorizer:
        _authorizers[prefix] = function
        return function

    return register


def resolve_viewer(user: Any, organization_slug: str) -> Viewer | None:
    """Return the viewer, or ``None`` when the user is not signed in or has no place in that organization."""
    if not getattr(user, "is_authenticated", False) or not _resolver:
        return None
    return _resolver[0](user, organization_slug)


def refusals(viewer: Viewer, streams: Iterable[str]) -> dict[str, str]:
    """Return the streams that the viewer may not subscribe to, with the reason; all others are allowed.

    A malformed name, an unregistered prefix and a stream of somebody else are told apart only as ``unknown``
    (no such kind of stream) and ``forbidden`` (it exists or not: it is not yours).
    """
    refused: dict[str, str] = {}
    with organization_scope(viewer.organization_id):
        for stream in streams:
            try:
                authorizer = _authorizers.get(prefix_of(check_name(stream)))
            except BadStreamName:
                authorizer = None
            if authorizer is None:
                refused[stream] = UNKNOWN
            elif not authorizer(viewer, stream):
                refused[stream] = FORBIDDEN
    return refused


def user_of_session(session_key: str) -> Any | None:
    """Return the user of a valid session, else ``None`` (signed out, password changed, deactivated)."""
    engine = importlib.import_module(settings.SESSION_ENGINE)
    holder = SimpleNamespace(session=engine.SessionStore(session_key))
    user = auth.get_user(cast(Any, holder))
    return user if user.is_authenticated and user.is_active else None
