"""Intake of webhooks: verify, store, answer. Nothing here reads the body's meaning.

The path is light on purpose: one statement that stores the call and its unique key (``intake_store``), and after it a
word with Redis that counts the call and says whether the workers need a hint (``intake_hints``). The connection and its
secrets are remembered between calls (``intake_connections``); the statement stores nothing if they have changed since.
What cannot be proven genuine is refused, counted, and stored only so often a minute, so that nobody can fill the disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from prometheus_client import Counter

from integrations import metrics, registry, streams
from integrations.base import CALLED_QUERY
from integrations.errors import ProviderError, WebhookRefusedError
from integrations.models import Connection, WebhookDelivery
from integrations.services import (
    intake_connections,
    intake_hints,
    intake_limits,
    intake_store,
    system_mail_reports,
)
from integrations.services.intake_connections import Opened
from integrations.services.intake_store import Changed, Row
from project.core.clock import now
from project.core.ids import uuid7
from project.core.scoping import organization_scope

log = structlog.get_logger(__name__)

#: Of an oversize call only this much is kept, in bytes.
OVERSIZE_KEPT: Final = 16 * 1024
_KEPT_HEADERS: Final = 40
_CALLED_QUERY: Final = CALLED_QUERY.lower()
_KEPT_QUERY: Final = 2000
#: A declared length may be any number; the column holds this much.
_MAX_SIZE: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider is told: an HTTP status, a word, and seconds to wait where it is to come back
    later.
    """

    status: int
    word: str
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One inbound call. ``body`` may be cut if it is longer than allowed; ``size`` is its whole length, in
    bytes. ``url`` is the address that was called, query included, as the provider knows it.
    """

    headers: Mapping[str, str]
    body: bytes
    size: int
    url: str = ""


def max_bytes(provider: str) -> int:
    """Return how large a call of a provider may be, in bytes."""
    return registry.webhook_rule(provider).max_bytes or int(settings.WEBHOOK_MAX_BYTES)


def receive(
    *, provider: str, key: str, read: Callable[[int], Call], address: Callable[[], str] = lambda: ""
) -> Answer:
    """Take in one call to ``/webhooks/<provider>/<key>``; never raises for what a caller may send.

    ``read`` reads the call, of its body at most as many bytes as it is told; it is not asked to for an address
    that is none of ours. ``address`` tells the caller's IP address.
    """
    if system_mail_reports.is_ours(provider, key):
        return _platform_call(provider, read(max_bytes(provider)))
    call: Call | None = None
    known = intake_connections.remembered(provider, key)
    if known is not None:
        call = read(max_bytes(provider))
        try:
            return _counted(provider, _receive(known, call))
        except (Changed, WebhookRefusedError):
            pass  # What is remembered may be old: look again.
    connection = intake_connections.find(provider, key)
    if connection is None:
        metrics.WEBHOOKS.labels("unknown", "no_connection").inc()
        pause = intake_limits.wait_unknown(address())
        return Answer(429, "too many", retry_after=pause) if pause else Answer(404, "unknown address")
    return _counted(provider, _receive_anew(connection, call or read(max_bytes(provider))))


def _counted(provider: str, answer: Answer) -> Answer:
    _counter(provider, answer.word).inc()
    return answer


@lru_cache(maxsize=256)
def _counter(provider: str, word: str) -> Counter:
    return metrics.WEBHOOKS.labels(provider, word.replace(" ", "_"))


def _platform_call(provider: str, call: Call) -> Answer:
    """Take in a report about the installation's own mail."""
    if call.size > max_bytes(provider):
        return Answer(413, "too large")
    status, word = system_mail_reports.receive(url=call.url, headers=call.headers, body=call.body)
    metrics.WEBHOOKS.labels(provider, f"system_{word.replace(' ', '_')}").inc()
    return Answer(status, word)


def _receive_anew(connection: Connection, call: Call) -> Answer:
    """Take in a call for a connection as it is stored now."""
    try:
        known = intake_connections.opened(connection)
    except ProviderError:
        # Ours to mend: the provider tries again later and loses nothing.
        log.exception("webhook.connection_unusable", connection=str(connection.id))
        return Answer(503, "not ready", retry_after=60)
    try:
        return _receive(known, call)
    except WebhookRefusedError as refused:
        with organization_scope(known.organization_id):
            _refuse(known, call, refused.reason, known.receiver.webhook_type(call.body))
        if refused.fault_is_ours:
            # Without a key nothing can be proven; once there is one, what comes again is taken in.
            return Answer(503, "not ready", retry_after=300)
        return Answer(401, "refused")
    except Changed:
        # Changed in this very moment: the provider's next try will do.
        return Answer(503, "not ready", retry_after=1)


def _receive(known: Opened, call: Call) -> Answer:
    """Verify a call and store it. Raises ``WebhookRefusedError`` if it is not genuine, ``Changed``."""
    rule = registry.webhook_rule(known.provider)
    limit = max_bytes(known.provider)
    with organization_scope(known.organization_id):
        if call.size > limit:
            _refuse(known, call, f"Larger than {limit // 1024} KiB: only the beginning is kept.", "oversize")
            return Answer(rule.too_large, "too large")
        known.receiver.verify_webhook(
            url=call.url, headers=call.headers, body=call.body, secrets=known.secrets
        )
        wait = intake_limits.wait(known.id, known.organization_id)
        if wait:
            _count_limited(known)
            return Answer(rule.too_many, "too many", retry_after=wait)
        return _store(known, call)


def _count_limited(known: Opened) -> None:
    """Count a genuine call that is put off; a flood of them is not written down one by one."""
    if intake_limits.may_count_limited(known.id):
        Connection.objects.filter(id=known.id).update(
            limited_webhooks=F("limited_webhooks") + 1, last_limited_at=now()
        )


def _store(known: Opened, call: Call) -> Answer:
    """Store a genuine call and hint at the workers; the same call again is only counted. Raises ``Changed``."""
    row = _row(
        known, call, known.receiver.webhook_type(call.body), known.receiver.webhook_key(call.body) or ""
    )
    is_new = intake_store.store(known, row)
    # Open pages are told by the worker: a live event here would cost the provider several statements.
    is_news = is_new and intake_store.state_of(known)[0] == WebhookDelivery.State.RECEIVED
    intake_hints.taken(connection_id=known.id, organization_id=known.organization_id, is_news=is_news)
    return Answer(200, "received" if is_new else "repeated")


def _row(known: Opened, call: Call, event_type: str, key: str = "") -> Row:
    masked = known.redactor.headers(dict(islice(call.headers.items(), _KEPT_HEADERS)))
    # Ours, whatever the caller sent under that name: what we put into the address comes back this way.
    headers = {
        name: value.replace("\x00", "") for name, value in masked.items() if name.lower() != _CALLED_QUERY
    }
    if query := urlsplit(call.url).query:
        # Our token in it is the proof that the provider calls: whoever may see calls must not be able to make them.
        headers[CALLED_QUERY] = known.redactor.text(query, _KEPT_QUERY)
    identifier = uuid7()
    return Row(
        id=identifier,
        at=now(),
        # A call without a name of its own is news each time: its key is its own id.
        key=(key or f"once:{identifier}").replace("\x00", "")[:200],
        event_type=event_type.replace("\x00", "")[:80],
        headers=headers,
        body=call.body,
        size=min(call.size, _MAX_SIZE),
        hash=hashlib.sha256(call.body).hexdigest(),
    )


def _refuse(known: Opened, call: Call, reason: str, event_type: str) -> None:
    """Count a call that is not taken in, and store it with the reason as long as there are few of them."""
    at = now()
    rows = Connection.objects.filter(id=known.id)
    if not intake_limits.may_store_refused(known.id):
        if intake_limits.may_count_refused(known.id):
            rows.update(refused_webhooks=F("refused_webhooks") + 1, last_refused_at=at)
        return
    row = _row(known, call, event_type)
    with transaction.atomic():
        rows.update(refused_webhooks=F("refused_webhooks") + 1, last_refused_at=at)
        delivery = WebhookDelivery.objects.create(
            id=row.id,
            received_at=at,
            connection_id=known.id,
            provider=known.provider,
            event_type=row.event_type,
            state=WebhookDelivery.State.REJECTED,
            reason=reason[:300],
            headers=row.headers,
            body=row.body[:OVERSIZE_KEPT],
            size=row.size,
            payload_hash=row.hash,
            not_before=at,
            processed_at=at,
        )
        streams.webhook_changed(delivery.id)
