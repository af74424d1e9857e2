"""Operations of the JSON API: alerts, their rules and channels."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import Http404
from ninja import Query, Router, Schema, Status
from pydantic import Field

from project.core.api_pages import PageIn, PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule
from reporting import alert_selectors
from reporting.alert_rules import RULES
from reporting.models import AlertChannel
from reporting.services import alert_channels, alerts

router = Router()
TAGS = ["Alerts"]


class AlertOut(Schema):
    """Something that is or was wrong; ``resolved_at`` is null while it lasts."""

    id: UUID
    kind: str
    key: str
    client_id: UUID | None
    severity: str
    subject: str
    message: str
    path: str
    opened_at: datetime
    seen_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None


class AlertRuleOut(Schema):
    """A rule with the figures that hold here; null where it has none."""

    kind: str
    title: str
    says: str
    unit: str
    is_on: bool
    threshold: int | None
    window_minutes: int | None


class AlertRuleIn(Schema):
    """What a rule measures by; null goes back to its own figures."""

    is_on: bool = True
    threshold: int | None = Field(None, ge=1, le=100_000)
    window_minutes: int | None = Field(None, ge=1, le=100_000)


class ChannelIn(Schema):
    """A new channel: an e-mail address, or the URL of a Slack-compatible webhook or of a webhook of yours."""

    kind: Literal["email", "slack", "webhook"]
    name: str = Field(max_length=80)
    target: str = Field(max_length=1000)
    min_severity: Literal["warning", "critical"] = "warning"


class ChannelOut(Schema):
    """A channel, with as much of its target as may be shown."""

    id: UUID
    kind: str
    name: str
    shown: str
    min_severity: str
    is_on: bool
    last_told_at: datetime | None
    last_error: str


class NewChannelOut(ChannelOut):
    """A new channel. ``secret`` proves our calls to a webhook (HMAC-SHA-256 in ``X-Alert-Signature``), shown once."""

    secret: str


class TestOut(Schema):
    """Whether a channel took the test, and if not, why."""

    ok: bool
    problem: str


@router.get("/alerts", response=PageOut[AlertOut], tags=TAGS)
@api_rule(Permission.OPS_VIEW)
def list_alerts(request: ApiRequest, page: Query[PageIn], state: Literal["open", "resolved", ""] = "") -> Any:
    """Alerts, newest first."""
    rows = alert_selectors.alerts(request.access)
    if state:
        rows = rows.filter(resolved_at__isnull=state == "open")
    return page_of(rows, page, order=("-opened_at", "-id"))


@router.post("/alerts/{alert_id}/acknowledge", response=AlertOut, tags=TAGS)
@api_rule(Permission.OPS_ACT)
def acknowledge_alert(request: ApiRequest, alert_id: UUID) -> Any:
    """Say that one looks after it."""
    alert = get_or_404(alert_selectors.alerts(request.access), alert_id)
    alerts.acknowledge(alert=alert, actor=request.access.user)
    return alert.refreshed()


@router.get("/alert-rules", response=list[AlertRuleOut], tags=TAGS)
@api_rule(Permission.OPS_VIEW)
def list_rules(request: ApiRequest) -> Any:
    """The rules with the figures that hold here."""
    return alert_selectors.rules()


@router.put("/alert-rules/{kind}", response=list[AlertRuleOut], tags=TAGS)
@api_rule(Permission.OPS_ACT)
def set_rule(request: ApiRequest, kind: str, payload: AlertRuleIn) -> Any:
    """Switch a rule, or set what it measures by."""
    request.access.require_whole_organization()
    if kind not in RULES:
        raise Http404("There is no such rule.")
    alerts.set_rule(kind=kind, actor=request.access.user, **payload.dict())
    return alert_selectors.rules()


@router.get("/alert-channels", response=list[ChannelOut], tags=TAGS)
@api_rule(Permission.OPS_VIEW)
def list_channels(request: ApiRequest) -> Any:
    """Where alerts are told."""
    request.access.require_whole_organization()
    return AlertChannel.objects.order_by("name", "id")


@router.post("/alert-channels", response={201: NewChannelOut}, tags=TAGS)
@api_rule(Permission.OPS_ACT)
def add_channel(request: ApiRequest, payload: ChannelIn) -> Any:
    """Add a channel. Addresses on private networks are refused."""
    request.access.require_whole_organization()
    channel = alert_channels.add(actor=request.access.user, **payload.dict())
    shown = ChannelOut.from_orm(channel).model_dump()
    return Status(201, {**shown, "secret": alert_channels.secret_of(channel)})


@router.delete("/alert-channels/{channel_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.OPS_ACT)
def remove_channel(request: ApiRequest, channel_id: UUID) -> Any:
    """Remove a channel."""
    request.access.require_whole_organization()
    alert_channels.remove(
        channel=get_or_404(AlertChannel.objects.all(), channel_id), actor=request.access.user
    )
    return Status(204, None)


@router.post("/alert-channels/{channel_id}/test", response=TestOut, tags=TAGS)
@api_rule(Permission.OPS_ACT)
def try_channel(request: ApiRequest, channel_id: UUID) -> Any:
    """Tell a channel something now."""
    request.access.require_whole_organization()
    problem = alert_channels.try_out(channel=get_or_404(AlertChannel.objects.all(), channel_id))
    return {"ok": not problem, "problem": problem}
