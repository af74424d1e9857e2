"""What Slack calls when somebody presses a button of a notice."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from inbox.models import NotificationSettings
from inbox.services import notifications, slack
from inbox.tasks import answer_slack
from project.core.scoping import organization_scope, platform_scope
from project.core.tasks import enqueue
from project.tenancy.access import public_view

MAX_BYTES: Final = 256 * 1024
_PLAIN: Final = "text/plain; charset=utf-8"


@csrf_exempt
@require_POST
@public_view("Slack calls it; each call is signed with the secret of the person whose notice it was")
def pressed(request: HttpRequest, settings_id: UUID) -> HttpResponse:
    """Take a press of a button. Whoever does not know the secret learns nothing, not even that the address exists."""
    body = request.read(MAX_BYTES + 1)
    with platform_scope("find whose button was pressed"):
        rows = NotificationSettings.objects.filter(id=settings_id).select_related("user", "organization")
        own = rows.first()
    secret = notifications.addresses_of(own).get("slack_signing_secret", "") if own is not None else ""
    is_signed = len(body) <= MAX_BYTES and slack.is_signed(
        secret,
        timestamp=request.headers.get("X-Slack-Request-Timestamp", ""),
        signature=request.headers.get("X-Slack-Signature", ""),
        body=body,
    )
    if own is None or not secret or not is_signed:
        return HttpResponse("no", status=403, content_type=_PLAIN)
    with organization_scope(own.organization_id):
        text, answer_at = slack.pressed(own, body)
        if text and answer_at:
            enqueue(answer_slack, answer_at=answer_at, text=text)
    return HttpResponse("", content_type=_PLAIN)
