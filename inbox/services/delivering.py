"""Delivering notices: what is due on one way to one person leaves together, within quiet hours and limits.

Each row is claimed before anything leaves and is told what became of it, so that a worker may die at any point: what
was claimed and never finished is tried again after its lease, at most ``MAX_ATTEMPTS`` times.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from campaigns.scheduling.zones import UnknownZone, to_instant, zone
from inbox.models import Notification, NotificationDelivery, NotificationSettings, PushSubscription, Way
from inbox.services import notifications, push, slack
from integrations.services import system_mail
from project.core.clock import now
from project.core.http import HttpError, client_for
from project.tenancy.models import Organization, User

log = structlog.get_logger(__name__)

BATCH: Final = 200
LEASE: Final = timedelta(minutes=2)
MAX_ATTEMPTS: Final = 5
SHOWN: Final = 12
State = NotificationDelivery.State


class NotDelivered(Exception):
    """It did not leave; the message says why. ``final``: trying again is of no use."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class NotNeeded(Exception):
    """Nothing had to leave; the message says why."""


def deliver_due() -> int:
    """Deliver what is due in this organization; return how many notices left."""
    delivered = 0
    for user_id, way in _waiting():
        rows = _claim(user_id, way)
        if rows:
            delivered += _deliver(rows, way)
    return delivered


def due_organizations() -> list[UUID]:
    """Organizations with something due (platform scope)."""
    rows = NotificationDelivery.objects.filter(state__in=[State.DUE, State.SENDING], due_at__lte=now())
    return list(rows.order_by("organization_id").values_list("organization_id", flat=True).distinct()[:500])


def _waiting() -> list[tuple[UUID, str]]:
    rows = NotificationDelivery.objects.filter(state__in=[State.DUE, State.SENDING], due_at__lte=now())
    return list(rows.values_list("user_id", "way").distinct()[:BATCH])


@transaction.atomic
def _claim(user_id: UUID, way: str) -> list[NotificationDelivery]:
    """Take what is due for one person on one way, unless it has to wait; what was read meanwhile is not needed."""
    at = now()
    rows = list(
        NotificationDelivery.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(user_id=user_id, way=way, state__in=[State.DUE, State.SENDING], due_at__lte=at)
        .select_related("notification__conversation", "notification__client", "user")
        .order_by("due_at", "id")[:BATCH]
    )
    wanted = []
    for row in rows:
        if row.notification.read_at is not None:
            _finish([row], State.SKIPPED, "It was read before.")
        elif row.attempts >= MAX_ATTEMPTS:
            _finish([row], State.FAILED, row.reason or "It could not be delivered.")
        else:
            wanted.append(row)
    if not wanted:
        return []
    own = notifications.settings_of(wanted[0].user)
    until, why = _put_off(own, way, at)
    for row in wanted:
        if until is not None:
            row.due_at, row.reason, row.state = until, why, State.DUE
        else:
            row.state, row.attempts, row.due_at = State.SENDING, row.attempts + 1, at + LEASE
    NotificationDelivery.objects.bulk_update(wanted, ["due_at", "reason", "state", "attempts"])
    return [] if until is not None else wanted


def _put_off(own: NotificationSettings, way: str, at: datetime) -> tuple[datetime | None, str]:
    """Until when nothing leaves on a way, and why; ``None``: it may."""
    quiet = quiet_until(own, at)
    if quiet is not None:
        return quiet, "Quiet hours."
    hour = NotificationDelivery.objects.filter(
        user=own.user, way=way, state=State.DELIVERED, finished_at__gt=at - timedelta(hours=1)
    )
    if hour.count() >= own.hourly_limit:
        first = hour.order_by("finished_at").values_list("finished_at", flat=True).first()
        return (first or at) + timedelta(hours=1), f"More than {own.hourly_limit} in an hour."
    return None, ""


def quiet_until(own: NotificationSettings, at: datetime) -> datetime | None:
    """When a person's quiet hours end, ``None`` outside of them."""
    start, end = own.quiet_from, own.quiet_until
    if start is None or end is None or start == end:
        return None
    try:
        tz = zone(own.time_zone)
    except UnknownZone:
        tz = zone("UTC")
    local = at.astimezone(tz)
    clock = local.time().replace(tzinfo=None)
    is_quiet = start <= clock < end if start < end else clock >= start or clock < end
    if not is_quiet:
        return None
    day = local.date() if clock < end else local.date() + timedelta(days=1)
    return to_instant(datetime.combine(day, end), tz)


def _deliver(rows: Sequence[NotificationDelivery], way: str) -> int:
    notices = [row.notification for row in rows]
    organization = Organization.objects.get(id=rows[0].organization_id)
    try:
        _WAYS[way](rows[0].user, organization, notices)
    except NotNeeded as error:
        _finish(rows, State.SKIPPED, str(error))
        return 0
    except NotDelivered as error:
        _failed(rows, str(error), final=error.final)
        return 0
    except Exception as error:
        # One way that breaks must not hold up the others; its rows are tried again and say why.
        log.exception("notification.broke", way=way)
        _failed(rows, f"It broke here ({type(error).__name__}).", final=False)
        return 0
    _finish(rows, State.DELIVERED, "")
    return len(rows)


@transaction.atomic
def _finish(rows: Iterable[NotificationDelivery], state: str, reason: str) -> None:
    NotificationDelivery.objects.filter(id__in=[row.id for row in rows]).update(
        state=state, reason=reason[:300], finished_at=now(), updated_at=now()
    )


@transaction.atomic
def _failed(rows: Sequence[NotificationDelivery], reason: str, *, final: bool) -> None:
    if final or rows[0].attempts >= MAX_ATTEMPTS:
        _finish(rows, State.FAILED, reason)
        return
    NotificationDelivery.objects.filter(id__in=[row.id for row in rows]).update(
        state=State.DUE,
        reason=reason[:300],
        due_at=now() + timedelta(seconds=30 * 2 ** rows[0].attempts),
        updated_at=now(),
    )


# --- ways -------------------------------------------------------------------------------------------


def _address(organization: Organization, notice: Notification) -> str:
    path = reverse(
        "inbox:conversation",
        kwargs={"organization_slug": organization.slug, "conversation_id": notice.conversation_id},
    )
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}"


def _headline(notices: Sequence[Notification]) -> str:
    return notices[0].title if len(notices) == 1 else f"{len(notices)} things wait for you in the inbox"


def _browser(user: User, organization: Organization, notices: Sequence[Notification]) -> None:
    browsers = list(PushSubscription.objects.filter(user=user))
    if not browsers:
        raise NotNeeded("No browser of theirs shows notices; it stands in their list.")
    newest = notices[-1]
    content = {
        "title": _headline(notices),
        "body": newest.text if len(notices) == 1 else newest.title,
        "url": _address(organization, newest),
        "tag": str(newest.conversation_id) if len(notices) == 1 else "inbox",
    }
    problems = []
    for browser in browsers:
        try:
            push.send(
                endpoint=browser.endpoint,
                p256dh=browser.p256dh,
                auth=browser.auth,
                data=json.dumps(content).encode()[:3500],
            )
        except push.PushRefused as error:
            problems.append(str(error))
            if error.gone:
                notifications.unsubscribe(user=user, endpoint=browser.endpoint)
    if len(problems) == len(browsers):
        raise NotDelivered(problems[0])


def _mail(user: User, organization: Organization, notices: Sequence[Notification]) -> None:
    lines = [f"{notice.title}\n{notice.text}\n{_address(organization, notice)}" for notice in notices[:SHOWN]]
    if len(notices) > SHOWN:
        lines.append(f"And {len(notices) - SHOWN} more.")
    preferences = reverse("inbox:notifications", kwargs={"organization_slug": organization.slug})
    lines.append(f"--\nChoose what you are told of: {settings.PUBLIC_URL.rstrip('/')}{preferences}")
    system_mail.send(
        to=user.email,
        subject=_headline(notices),
        text="\n\n".join(lines),
        kind="notification",
        key=f"notification:{notices[0].id}:{len(notices)}",
    )


def _slack(user: User, organization: Organization, notices: Sequence[Notification]) -> None:
    lines = [
        f"<{_address(organization, notice)}|{slack.plain(notice.title)}>\n{slack.plain(notice.text)}"
        for notice in notices[:SHOWN]
    ]
    content: dict[str, Any] = {"text": "\n".join(lines)}
    if slack.has_buttons(notifications.addresses_of(notifications.settings_of(user))):
        content["blocks"] = slack.blocks(notices[:SHOWN], lambda notice: _address(organization, notice))
    _post(_own(user, "slack_url"), content, {})


def _webhook(user: User, organization: Organization, notices: Sequence[Notification]) -> None:
    body = {
        "organization": organization.slug,
        "notifications": [
            {
                "id": str(notice.id),
                "occasion": notice.occasion,
                "title": notice.title,
                "text": notice.text,
                "conversation_id": str(notice.conversation_id),
                "client_id": str(notice.client_id),
                "occurred_at": notice.occurred_at.isoformat(),
                "url": _address(organization, notice),
            }
            for notice in notices
        ],
    }
    secret = notifications.addresses_of(notifications.settings_of(user)).get("webhook_secret", "")
    content = json.dumps(body, separators=(",", ":")).encode()
    stamp = str(int(now().timestamp()))
    signature = hmac.new(str(secret).encode(), stamp.encode() + b"." + content, hashlib.sha256).hexdigest()
    _post(
        _own(user, "webhook_url"),
        content,
        {"X-Outbound-Timestamp": stamp, "X-Outbound-Signature": f"v1={signature}"} if secret else {},
    )


def _own(user: User, name: str) -> str:
    address = notifications.addresses_of(notifications.settings_of(user)).get(name, "")
    if not address:
        raise NotDelivered("They have taken the address away.", final=True)
    return str(address)


def _post(url: str, body: dict[str, Any] | bytes, headers: dict[str, str]) -> None:
    """POST to an address that a person typed: never into a private network, and never to be waited for long."""
    client = client_for("notifications", timeout=8, max_bytes=64 * 1024, redact=[url], breaker_key=url)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        answer = client.request(
            "POST", url, content=content, headers={"Content-Type": "application/json", **headers}
        )
    except HttpError as error:
        raise NotDelivered(str(error)[:250]) from error
    if answer.status_code in {400, 401, 403, 404, 410}:
        raise NotDelivered(f"The address answered {answer.status_code}; it is not tried again.", final=True)
    if answer.status_code >= 300:
        raise NotDelivered(f"The address answered {answer.status_code}.")


_WAYS: Final[dict[str, Callable[[User, Organization, Sequence[Notification]], None]]] = {
    Way.BROWSER.value: _browser,
    Way.EMAIL.value: _mail,
    Way.SLACK.value: _slack,
    Way.WEBHOOK.value: _webhook,
}
