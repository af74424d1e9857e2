"""Benchmarks that need people: an organization with members, signed in, removed again afterwards."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from project.core import bench
from project.core.benchmarks.fanout.benchmark import Audience, fanout
from project.core.db.base import owner_connection
from project.core.ids import uuid7
from project.core.realtime.models import StreamCounter, StreamEvent
from project.core.scoping import organization_scope, platform_scope
from project.tenancy.models import Membership, Organization, Role, User
from project.tenancy.streams import organization_stream

PEOPLE = 20


@contextmanager
def signed_in_members() -> Iterator[Audience]:
    """Provide an organization with 20 members and a session of each."""
    mark = uuid7().hex
    organization = Organization.objects.create(name="Benchmark", slug=f"bench-{mark}")
    users = [User.objects.create_user(f"{number}@bench-{mark}.test") for number in range(PEOPLE)]
    sessions = [_session(user) for user in users]
    try:
        with organization_scope(organization.id):
            for user in users:
                Membership.objects.create(user=user, role=Role.AGENT)
        keys = [str(session.session_key) for session in sessions]
        yield Audience(organization.id, organization.slug, keys, organization_stream())
    finally:
        for session in sessions:
            session.delete()
        # As the owner of the tables: the application itself may not delete what is audited.
        with owner_connection(), platform_scope("remove the organization of a benchmark"):
            StreamEvent.objects.filter(organization_id=organization.id).delete()
            StreamCounter.objects.filter(organization_id=organization.id).delete()
            organization.delete()
            User.objects.filter(id__in=[user.id for user in users]).delete()


def _session(user: User) -> SessionStore:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return session


bench.register("fanout", functools.partial(fanout, audience=signed_in_members))
