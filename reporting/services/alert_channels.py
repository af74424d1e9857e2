"""Where alerts are told. A telling is a row, sent by a worker after the commit and tried again: work never waits."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from integrations.backoff import wait_after
from integrations.services import system_mail
from project.core import crypto
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.http import AddressRefusedError, HttpError, check_url, client_for
from project.core.refusals import Invalid
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.models import Organization, User
from reporting.models import Alert, AlertChannel, AlertNotice, Severity

log = structlog.get_logger(__name__)

#: Version of what webhooks get.
CONTRACT: Final = 1
TIMEOUT_S: Final = 10.0
TRIES: Final = 8
FIRST_WAIT_S: Final = 15.0
LONGEST_WAIT_S: Final = 3600.0
#: While a worker tells it; longer than the time-out.
LEASE: Final = timedelta(minutes=1)
SWEEP_BATCH: Final = 200
Kind = AlertChannel.Kind
State = AlertNotice.State


class NotTold(Exception):
    """The other side did not take it; the message is one sentence without secrets."""


@transaction.atomic
def add(*, kind: str, name: str, target: str, min_severity: str, actor: User) -> AlertChannel:
    """Add a channel. Raises ``Invalid`` naming the field. Webhooks get a secret to prove our calls with."""
    target, name = target.strip(), name.strip()
    if kind not in Kind.values:
        raise Invalid("Choose e-mail, slack or webhook.", field="kind")
    if min_severity not in Severity.values:
        raise Invalid("Choose warning or critical.", field="min_severity")
    if not name:
        raise Invalid("Give it a name.", field="name")
    if kind == Kind.EMAIL:
        try:
            validate_email(target)
        except ValidationError:
            raise Invalid("This is not an e-mail address.", field="target") from None
        shown = target
    else:
        _check(target)
        shown = f"{urlsplit(target).scheme}://{urlsplit(target).hostname}/..."
    secret = secrets.token_urlsafe(24) if kind == Kind.WEBHOOK else ""
    channel: AlertChannel = AlertChannel.objects.create(
        kind=kind,
        name=name[:80],
        credentials=crypto.encrypt({"target": target, "secret": secret}),
        shown=shown[:200],
        min_severity=min_severity,
    )
    audit.record(actor=actor, action="alert.channel_added", subject=channel, kind=kind)
    return channel


def _check(url: str) -> None:
    if len(url) > 1000:
        raise Invalid("The address is too long.", field="target")
    if settings.ALERT_PRIVATE_TARGETS:
        return
    try:
        check_url(url)
    except AddressRefusedError as error:
        raise Invalid(str(error), field="target") from error


@transaction.atomic
def remove(*, channel: AlertChannel, actor: User) -> None:
    """Remove a channel and what it was still to tell."""
    audit.record(actor=actor, action="alert.channel_removed", subject=channel, kind=channel.kind)
    channel.delete()


def secret_of(channel: AlertChannel) -> str:
    """Return what a webhook's calls are signed with, to be shown once."""
    return str(crypto.decrypt(channel.credentials).get("secret", ""))


def tell(*, alert: Alert, what: str) -> None:
    """Write what is to be told about an alert, in the caller's transaction."""
    channels = AlertChannel.objects.filter(is_on=True)
    if alert.severity != Severity.CRITICAL:
        channels = channels.filter(min_severity=Severity.WARNING)
    if what == AlertNotice.What.RESOLVED:
        # Whoever never heard that it began need not hear that it is over.
        channels = channels.filter(notices__alert=alert, notices__what=AlertNotice.What.OPENED)
    rows = [AlertNotice(alert=alert, channel=channel, what=what) for channel in channels]
    for row in AlertNotice.objects.bulk_create(rows, ignore_conflicts=True):
        _hint(row.id, alert.organization_id)


def _hint(notice_id: UUID, organization_id: UUID) -> None:
    from reporting.tasks import tell_alert  # tasks call services

    enqueue(tell_alert, organization_id=organization_id, notice_id=notice_id)


def deliver(notice_id: UUID) -> str:
    """Tell one notice that is due; return its state afterwards, ``""`` if it was not due or not ours."""
    at = now()
    rows = AlertNotice.objects.filter(id=notice_id, state=State.QUEUED, not_before__lte=at)
    notice = rows.select_related("alert", "channel").first()
    if notice is None or not compare_and_set(
        rows.filter(attempts=notice.attempts), attempts=notice.attempts + 1, not_before=at + LEASE
    ):
        return ""
    notice.attempts += 1
    try:
        _send(notice.channel, _content(notice), key=f"alert:{notice.id}")
    except NotTold as trouble:
        return _failed(notice, str(trouble))
    AlertNotice.objects.filter(id=notice.id).update(state=State.SENT, error="")
    AlertChannel.objects.filter(id=notice.channel_id).update(last_told_at=now(), last_error="")
    return str(State.SENT)


def _failed(notice: AlertNotice, problem: str) -> str:
    state = State.FAILED if notice.attempts >= TRIES else State.QUEUED
    pause = wait_after(notice.attempts, first=FIRST_WAIT_S, cap=LONGEST_WAIT_S)
    AlertNotice.objects.filter(id=notice.id).update(
        state=state, error=problem[:300], not_before=now() + timedelta(seconds=pause)
    )
    AlertChannel.objects.filter(id=notice.channel_id).update(last_error=problem[:300])
    log.warning("alert.not_told", channel=str(notice.channel_id), attempts=notice.attempts, problem=problem)
    return str(state)


def try_out(*, channel: AlertChannel) -> str:
    """Tell a channel something now; return ``""``, or in one sentence why it did not take it."""
    organization = Organization.objects.get(id=channel.organization_id)
    content = {
        "contract": CONTRACT,
        "event": "alert.test",
        "organization": organization.slug,
        "alert": None,
        "text": f"{organization.name}: this is how alerts arrive here.",
        "subject": f"{organization.name}: test of alerts",
    }
    try:
        _send(channel, content, key="")
    except NotTold as trouble:
        AlertChannel.objects.filter(id=channel.id).update(last_error=str(trouble)[:300])
        return str(trouble)
    AlertChannel.objects.filter(id=channel.id).update(last_told_at=now(), last_error="")
    return ""


def _content(notice: AlertNotice) -> dict[str, Any]:
    alert = notice.alert
    organization = Organization.objects.get(id=alert.organization_id)
    over = notice.what == AlertNotice.What.RESOLVED
    url = f"{settings.PUBLIC_URL.rstrip('/')}/o/{organization.slug}/{alert.path or 'ops/alerts/'}"
    lead = "Over" if over else alert.get_severity_display()
    return {
        "contract": CONTRACT,
        "event": f"alert.{notice.what}",
        "id": str(notice.id),
        "organization": organization.slug,
        "alert": {
            "id": str(alert.id),
            "kind": alert.kind,
            "key": alert.key,
            "severity": alert.severity,
            "subject": alert.subject,
            "message": alert.message,
            "opened_at": alert.opened_at.isoformat(),
            "resolved_at": alert.resolved_at.isoformat() if alert.resolved_at else None,
            "url": url,
        },
        "text": f"{lead}: {alert.subject}. {alert.message}\n{url}",
        "subject": f"{lead}: {alert.subject} ({organization.name})",
    }


def _send(channel: AlertChannel, content: dict[str, Any], *, key: str) -> None:
    """Hand one message over. Raises ``NotTold``."""
    try:
        known = crypto.decrypt(channel.credentials)
    except crypto.CredentialsUnreadable as error:
        raise NotTold(str(error)) from error
    target = str(known.get("target", ""))
    if not target:
        raise NotTold("It has no address any more; remove it and add it anew.")
    if channel.kind == Kind.EMAIL:
        system_mail.send(to=target, subject=content["subject"], text=content["text"], kind="alert", key=key)
        return
    shown = {name: value for name, value in content.items() if name != "subject"}
    body = json.dumps({"text": content["text"]} if channel.kind == Kind.SLACK else shown).encode()
    headers = {"Content-Type": "application/json"}
    if channel.kind == Kind.WEBHOOK:
        mark = hmac.new(str(known["secret"]).encode(), body, hashlib.sha256).hexdigest()
        headers["X-Alert-Signature"] = f"sha256={mark}"
    client = client_for(
        "alerts",
        timeout=TIMEOUT_S,
        breaker_key=f"alerts:{channel.id}",
        redact=[target],
        allow_private=settings.ALERT_PRIVATE_TARGETS,
        max_bytes=64 * 1024,
    )
    try:
        answer = client.request("POST", target, content=body, headers=headers)
    except HttpError as error:
        raise NotTold(str(error)) from error
    if not answer.is_success:
        raise NotTold(f"It answered {answer.status_code}.")


def sweep() -> int:
    """Hint again at notices that are due; return how many. Runs over all organizations."""
    rows = AlertNotice.objects.filter(state=State.QUEUED, not_before__lte=now()).order_by("not_before")
    found = list(rows.values_list("id", "organization_id")[:SWEEP_BATCH])
    with transaction.atomic():
        for notice_id, organization_id in found:
            _hint(notice_id, organization_id)
    return len(found)
