"""Metric snapshots: taken on schedule, after bulk work and on demand, and exported. Failures here never break work."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import transaction
from django.db.models import Count, F, Min, Sum
from django.utils import timezone

from integrations.backoff import wait_after
from integrations.models import OutboundMessage, ProviderFailure, SendAttempt, SyncRun, WebhookDelivery
from integrations.services import system_mail
from project.core import crypto
from project.core.clock import now
from project.core.http import AddressRefusedError, HttpError, client_for
from project.core.http.guard import check_shape
from project.core.refusals import Invalid
from project.core.scoping import platform_scope
from project.core.tasks import enqueue
from project.tenancy.models import Organization, User
from reporting import metrics
from reporting.models import Alert, MetricSink, MetricSnapshot

log = structlog.get_logger(__name__)

#: Version of what the sink gets; raised when a name changes its meaning or goes.
CONTRACT: Final = 1
KEEP: Final = timedelta(days=90)
#: Snapshots for the same reason are not taken more often.
APART: Final = timedelta(seconds=30)
#: What flows is counted over this time.
WINDOW: Final = timedelta(hours=1)
EXPORT_BATCH: Final = 20
FIRST_WAIT_S: Final = 30.0
LONGEST_WAIT_S: Final = 3600.0
#: Platform staff are written to after this many failures in a row.
TOLD_AFTER: Final = 3


def take(*, reason: str) -> MetricSnapshot | None:
    """Store the figures of now; ``None`` if the same reason had them taken a moment ago (never for a flush)."""
    at = now()
    recent = MetricSnapshot.objects.filter(reason=reason[:40], taken_at__gt=at - APART)
    if reason != "flush" and recent.exists():
        return None
    with platform_scope("take a metric snapshot"), transaction.atomic():
        made: MetricSnapshot = MetricSnapshot.objects.create(
            taken_at=at, reason=reason[:40], figures=_figures(at)
        )
        _hint()
    return made


def hint(reason: str) -> None:
    """Have a snapshot taken soon, after the caller's transaction."""
    from reporting.tasks import take_snapshot  # tasks call services

    enqueue(take_snapshot, reason=reason)


def _hint() -> None:
    from reporting.tasks import export_snapshots  # tasks call services

    enqueue(export_snapshots)


def _figures(at: datetime) -> dict[str, Any]:
    since = at - WINDOW
    deliveries = WebhookDelivery.objects.filter(received_at__gte=since).order_by()
    outbox = OutboundMessage.objects.order_by()
    due = outbox.filter(state=OutboundMessage.State.QUEUED, hold_code="", not_before__lte=at)
    waiting = WebhookDelivery.objects.filter(state__in=("received", "processing", "failed"))
    failures = ProviderFailure.objects.filter(minute__gte=since).order_by()
    return {
        "organizations": Organization.objects.filter(is_active=True).count(),
        "provider_errors": dict(failures.values_list("kind").annotate(total=Sum("count"))),
        "webhooks": dict(deliveries.values_list("state").annotate(total=Count("id"))),
        "webhooks_oldest_waiting_seconds": _age(waiting.aggregate(at=Min("received_at"))["at"], at),
        "outbox": dict(outbox.values_list("state").annotate(total=Count("id"))),
        "outbox_oldest_due_seconds": _age(due.aggregate(at=Min("not_before"))["at"], at),
        "send_attempts": SendAttempt.objects.filter(started_at__gte=since).count(),
        "syncs": dict(
            SyncRun.objects.filter(created_at__gte=since)
            .order_by()
            .values_list("state")
            .annotate(total=Count("id"))
        ),
        "alerts_open": Alert.objects.filter(resolved_at=None).count(),
    }


def _age(moment: datetime | None, at: datetime) -> int:
    return 0 if moment is None else max(0, int((at - moment).total_seconds()))


def payload(snapshot: MetricSnapshot) -> dict[str, Any]:
    """Return what the sink gets."""
    return {
        "contract": CONTRACT,
        "id": str(snapshot.id),
        "taken_at": snapshot.taken_at.isoformat(),
        "reason": snapshot.reason,
        "window_seconds": int(WINDOW.total_seconds()),
        "figures": snapshot.figures,
    }


@transaction.atomic
def set_sink(*, url: str, bearer: str | None, timeout_seconds: int, is_on: bool) -> MetricSink:
    """Set where snapshots go; ``bearer`` ``None`` keeps the stored one. Raises ``Invalid`` naming the field.

    Platform staff set it, so that it may be on a private network.
    """
    try:
        check_shape(url.strip())
    except AddressRefusedError as error:
        raise Invalid(str(error), field="url") from error
    if len(url) > 500:
        raise Invalid("The address is too long.", field="url")
    if not 1 <= timeout_seconds <= 30:
        raise Invalid("Between 1 and 30 seconds.", field="timeout_seconds")
    if bearer is not None and (len(bearer) > 2000 or any(not 32 < ord(sign) < 127 for sign in bearer)):
        raise Invalid("A token is plain text without spaces.", field="bearer")
    values: dict[str, Any] = {
        "url": url.strip(), "timeout_seconds": timeout_seconds, "is_on": is_on,
        "failures": 0, "next_try_at": None, "failing_since": None, "last_error": "", "told_at": None,
    }  # fmt: skip
    if bearer is not None:
        values["credentials"] = crypto.encrypt({"bearer": bearer}) if bearer else ""
    sink: MetricSink = MetricSink.objects.update_or_create(is_only=True, defaults=values)[0]
    log.info("metrics.sink_set", is_on=is_on)
    _hint()
    return sink


def export() -> int:
    """Send what is not sent yet, oldest first, unless the sink rests after failures; return how many it took."""
    sink = MetricSink.objects.filter(is_on=True).first()
    if sink is None or (sink.next_try_at is not None and sink.next_try_at > now()):
        return 0
    sent = 0
    for snapshot in MetricSnapshot.objects.filter(exported_at=None).order_by("taken_at")[:EXPORT_BATCH]:
        problem = _send(sink, snapshot)
        if problem:
            _failed(sink, problem)
            break
        MetricSnapshot.objects.filter(id=snapshot.id).update(exported_at=now())
        sent += 1
    if sent and sink.failures == 0:
        MetricSink.objects.filter(id=sink.id).update(last_ok_at=now())
    return sent


def _send(sink: MetricSink, snapshot: MetricSnapshot) -> str:
    """Send one snapshot; return ``""``, or in one sentence why it was not taken."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(snapshot.id)}
    try:
        bearer = str(crypto.decrypt(sink.credentials).get("bearer", ""))
    except crypto.CredentialsUnreadable as error:
        return str(error)
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    client = client_for(
        "metric-sink", timeout=float(sink.timeout_seconds), redact=[bearer] if bearer else (), allow_private=True,
        max_bytes=64 * 1024,
    )  # fmt: skip
    try:
        answer = client.request(
            "POST", sink.url, content=json.dumps(payload(snapshot)).encode(), headers=headers
        )
    except HttpError as error:
        metrics.EXPORTS.labels("failed").inc()
        return str(error)
    metrics.EXPORTS.labels("sent" if answer.is_success else "refused").inc()
    if answer.is_success:
        if sink.failures:
            sink.failures = 0
            MetricSink.objects.filter(id=sink.id).update(
                failures=0,
                next_try_at=None,
                failing_since=None,
                last_error="",
                told_at=None,
                last_ok_at=now(),
            )
        return ""
    return f"It answered {answer.status_code}."


@transaction.atomic
def _failed(sink: MetricSink, problem: str) -> None:
    at = now()
    pause = wait_after(sink.failures + 1, first=FIRST_WAIT_S, cap=LONGEST_WAIT_S)
    MetricSink.objects.filter(id=sink.id).update(
        failures=F("failures") + 1,
        next_try_at=at + timedelta(seconds=pause),
        failing_since=sink.failing_since or at,
        last_error=problem[:300],
    )
    log.warning("metrics.not_exported", problem=problem, failures=sink.failures + 1)
    if sink.failures + 1 >= TOLD_AFTER and MetricSink.objects.filter(id=sink.id, told_at=None).update(
        told_at=at
    ):
        for email in User.objects.filter(is_superadmin=True, is_active=True).values_list("email", flat=True):
            system_mail.send(
                to=email,
                subject="The metric sink fails",
                text=f"Metric snapshots have not been taken since {sink.failing_since or at:%Y-%m-%d %H:%M} UTC: "
                f"{problem} They are kept and sent once it works. See Platform, Metrics.",
                kind="alert",
                key=f"sink:{(sink.failing_since or at).isoformat()}:{email}",
            )


def trim() -> int:
    """Forget snapshots older than ``KEEP``; return how many."""
    return int(MetricSnapshot.objects.filter(taken_at__lt=timezone.now() - KEEP).delete()[0])
