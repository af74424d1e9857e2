"""Two agencies with people, a stream to listen to, and what travels over Redis."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import redis
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections, transaction

from project.core.realtime import Fragment, access, broker, emit, rendering, stream_name
from project.core.realtime.access import Viewer
from project.core.realtime.hub import current_hub
from project.core.realtime.models import StreamEvent
from project.core.realtime.names import uuid_of
from project.core.scoping import organization_scope, platform_scope
from project.tenancy.models import Client, Membership, Organization, Role, User


@dataclass
class Agency:
    """An organization with one client, which stands for whatever is shown, and two members."""

    organization: Organization
    client: Client
    ana: User
    ben: User

    @property
    def id(self) -> UUID:
        return self.organization.id

    @property
    def slug(self) -> str:
        return self.organization.slug

    @property
    def stream(self) -> str:
        return stream_name("conversation", self.client.id)

    def viewer(self, user: User | None = None) -> Viewer:
        user = user or self.ana
        return Viewer(user.id, self.id, user.display_name, None)

    def rename(self, name: str, *, client: Client | None = None, stream: str | None = None) -> None:
        """A business change: the client gets a new name, its subscribers are told."""
        subject = client or self.client
        with organization_scope(self.id), transaction.atomic():
            Client.objects.filter(id=subject.id).update(name=name)
            emit(
                stream=stream or stream_name("conversation", subject.id),
                kind="client.changed",
                subject=("client", subject.id),
            )

    def numbers(self) -> list[int | None]:
        with platform_scope("test"):
            rows = StreamEvent.objects.filter(organization_id=self.id).order_by("number", "id")
            return list(rows.values_list("number", flat=True))


def _agency(slug: str) -> Agency:
    organization = Organization.objects.create(name=slug.title(), slug=slug)
    people = [User.objects.create_user(f"{name}@{slug}.test", name=name.title()) for name in ("ana", "ben")]
    with organization_scope(organization.id):
        client = Client.objects.create(name="Kiruna", slug="kiruna")
        for person in people:
            Membership.objects.create(user=person, role=Role.AGENT)
    return Agency(organization, client, *people)


@pytest.fixture
def agency(transactional_db: None, clean_redis: redis.Redis) -> Agency:
    return _agency("kestrel")


@pytest.fixture
def rival(agency: Agency) -> Agency:
    return _agency("rival")


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A renderer that shows a client's present name, and conversations that stand for clients."""
    monkeypatch.setattr(
        rendering, "_renderers", {"client.changed": render_clients, "note": rendering._data_only}
    )
    monkeypatch.setattr(access, "_authorizers", {**access._authorizers, "conversation": _sees_client})
    monkeypatch.setattr(broker, "_paused_until", 0.0)


def render_clients(events: list[StreamEvent]) -> Iterator[Fragment]:
    clients = Client.objects.in_bulk([event.subject_id for event in events])
    for event in events:
        client = clients.get(event.subject_id)
        name = client.name if client else "gone"
        yield Fragment(event.stream, f'<p id="client-{event.subject_id}" data-live="replace">{name}</p>')


def _sees_client(viewer: Viewer, stream: str) -> bool:
    return Client.objects.filter(id=uuid_of(stream)).exists()


@pytest.fixture
def wire(agency: Agency) -> Iterator[Wire]:
    client = redis.Redis.from_url(settings.REDIS_URL, decode_responses=True)
    pubsub = client.pubsub()
    channel = broker.channel_of(agency.id)
    pubsub.subscribe(channel)
    pubsub.get_message(timeout=5)
    yield Wire(client, pubsub, channel)
    pubsub.close()
    client.close()


class Wire:
    """What was published for an organization."""

    def __init__(self, client: redis.Redis, pubsub: Any, channel: str) -> None:
        self._client = client
        self._pubsub = pubsub
        self._channel = channel

    def messages(self) -> list[dict[str, Any]]:
        """Everything published since the last call: what came before a mark of our own."""
        self._client.publish(self._channel, '"mark"')
        found: list[Any] = []
        while not found or found[-1] != "mark":
            message = self._pubsub.get_message(timeout=5)
            assert message is not None
            found.append(json.loads(message["data"]))
        return found[:-1]

    def frames(self) -> list[dict[str, Any]]:
        return [json.loads(text) for message in self.messages() for _stream, text in message["frames"]]


def sign_in(user: User) -> str:
    """Return the key of a new session of the user."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


@pytest.fixture
async def _hub_closed() -> AsyncIterator[None]:
    """Close the hub of the test's event loop, and what its threads left open."""
    yield
    await current_hub().aclose()
    await sync_to_async(connections.close_all)()
