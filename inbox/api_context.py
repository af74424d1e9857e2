"""Operations of the JSON API around a thread: intent, merging and splitting, the person's timeline, notifications."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, Literal
from uuid import UUID

from ninja import Query, Router, Schema, Status
from pydantic import Field

from campaigns.replies.intents import Intent
from inbox import api_rows as rows
from inbox import selectors_context
from inbox.api_schemas import ConversationOut
from inbox.models import Conversation, Notification, NotificationDelivery, Occasion, ThreadMove, Way
from inbox.services import moves, notifications, slack, steering
from project.core.api_pages import OrderedPageIn, PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule
from project.tenancy.models import Client

router = Router()

TAGS = ["Conversations"]
NOTICES = ["Notifications"]


class IntentIn(Schema):
    """What a reply really means. `returns_on`, of `out_of_office`: snoozed until that morning, where they are."""

    intent: Intent
    returns_on: date | None = None


class MergeIn(Schema):
    """The thread that this one goes into: of the same sender."""

    into: UUID


class SplitIn(Schema):
    """The first message of the new thread."""

    message_id: UUID


class RehomeIn(Schema):
    """The lead that a thread is really with."""

    lead_id: UUID


class MoveOut(Schema):
    """What was merged, split or given to another lead; `DELETE /thread-moves/{move_id}` undoes it."""

    id: UUID
    kind: Literal["merge", "split", "rehome"]
    source_id: UUID
    target_id: UUID
    created_at: datetime
    undone_at: datetime | None


class MomentOut(Schema):
    """One moment of a person's timeline, over all channels and senders."""

    at: datetime
    kind: Literal["message", "step"]
    channel: str
    direction: str
    title: str
    text: str
    conversation_id: UUID | None


class NotificationOut(Schema):
    """One thing that the caller was told of."""

    id: UUID
    occasion: str
    title: str
    text: str
    client_id: UUID
    conversation_id: UUID
    occurred_at: datetime
    read_at: datetime | None


class NotificationDeliveryOut(Schema):
    """What became of a notice on one way."""

    id: UUID
    notification_id: UUID
    user_id: UUID
    way: str
    state: str
    reason: str
    due_at: datetime
    finished_at: datetime | None


class NotificationChoiceIn(Schema):
    """One way for one occasion, of one client or (null) of all."""

    occasion: Literal["reply", "unassigned", "assigned", "mention", "failed"]
    way: Literal["browser", "email", "slack", "webhook"]
    client_id: UUID | None = None
    is_on: bool


class NotificationSettingsOut(Schema):
    """How the caller is told. Addresses are never shown again; whether there is one is."""

    is_on: bool
    time_zone: str
    quiet_from: time | None
    quiet_until: time | None
    batch_minutes: int
    hourly_limit: int
    has_slack: bool
    has_slack_buttons: bool
    has_webhook: bool


class NotificationSettingsIn(Schema):
    """What to change; an address that is left out stays, an empty one is taken away."""

    is_on: bool = True
    time_zone: str = Field("UTC", max_length=60)
    quiet_from: time | None = None
    quiet_until: time | None = None
    batch_minutes: int = Field(5, ge=0, le=1440)
    hourly_limit: int = Field(30, ge=1, le=500)
    slack_url: str | None = Field(None, max_length=500)
    slack_signing_secret: str | None = Field(None, max_length=200)
    slack_member: str | None = Field(
        None, max_length=40, description="Who may press buttons in Slack, such as U012AB3CD."
    )
    webhook_url: str | None = Field(None, max_length=500)
    webhook_secret: str | None = Field(None, max_length=200)


def _conversation(request: ApiRequest, conversation_id: UUID) -> Conversation:
    found: Conversation = get_or_404(rows.reachable(request.access), conversation_id)
    return found


@router.put("/conversations/{conversation_id}/intent", response=ConversationOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def correct_intent(request: ApiRequest, conversation_id: UUID, payload: IntentIn) -> Any:
    """Say what their last reply really means; what the rules said is kept beside it."""
    found = _conversation(request, conversation_id)
    steering.correct_intent(
        conversation_id=found.id,
        intent=payload.intent.value,
        returns_on=payload.returns_on,
        actor=request.access.user,
    )
    return rows.shown(_conversation(request, conversation_id))


@router.get("/conversations/{conversation_id}/timeline", response=list[MomentOut], tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def person_timeline(request: ApiRequest, conversation_id: UUID) -> Any:
    """The last moments with the person of a thread, over all channels and senders within reach, newest first."""
    return selectors_context.timeline(request.access, _conversation(request, conversation_id))


@router.post("/conversations/{conversation_id}/merge", response={201: MoveOut}, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def merge_conversation(request: ApiRequest, conversation_id: UUID, payload: MergeIn) -> Any:
    """Move all that is in it into another thread of the same sender."""
    source = _conversation(request, conversation_id)
    target = _conversation(request, payload.into)
    return Status(201, moves.merge(source_id=source.id, target_id=target.id, actor=request.access.user))


@router.post("/conversations/{conversation_id}/split", response={201: MoveOut}, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def split_conversation(request: ApiRequest, conversation_id: UUID, payload: SplitIn) -> Any:
    """Begin a thread of its own with a message and all that came after it (e-mail only)."""
    found = _conversation(request, conversation_id)
    move = moves.split(conversation_id=found.id, message_id=payload.message_id, actor=request.access.user)
    return Status(201, move)


@router.post("/conversations/{conversation_id}/rehome", response={201: MoveOut}, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def rehome_conversation(request: ApiRequest, conversation_id: UUID, payload: RehomeIn) -> Any:
    """Say that a thread is with another lead of the same client."""
    found = _conversation(request, conversation_id)
    move = moves.rehome(conversation_id=found.id, lead_id=payload.lead_id, actor=request.access.user)
    return Status(201, move)


@router.delete("/thread-moves/{move_id}", response=MoveOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def undo_move(request: ApiRequest, move_id: UUID) -> Any:
    """Put everything back where it was; what came meanwhile stays."""
    wanted = ThreadMove.objects.filter(request.access.client_filter("target__client_id"))
    found: ThreadMove = get_or_404(wanted, move_id)
    return moves.undo(move_id=found.id, actor=request.access.user)


# --- notifications ----------------------------------------------------------------------------------


@router.get("/notifications", response=PageOut[NotificationOut], tags=NOTICES)
@api_rule(Permission.INBOX_VIEW)
def list_notifications(request: ApiRequest, page: Query[OrderedPageIn]) -> Any:
    """What the caller was told of."""
    wanted = Notification.objects.filter(request.access.client_filter(), user=request.access.user)
    return page_of(wanted, page, order=page.by("created_at", "id"))


@router.post("/notifications/read", response={204: None}, tags=NOTICES)
@api_rule(Permission.INBOX_VIEW)
def read_notifications(request: ApiRequest) -> Any:
    """All of the caller's have been seen."""
    notifications.mark_read(user=request.access.user)
    return Status(204, None)


@router.get("/notifications/deliveries", response=PageOut[NotificationDeliveryOut], tags=NOTICES)
@api_rule(Permission.INBOX_VIEW)
def list_deliveries(request: ApiRequest, page: Query[OrderedPageIn]) -> Any:
    """What became of notices: everybody's for those who see settings, else the caller's own."""
    access = request.access
    wanted = NotificationDelivery.objects.filter(access.client_filter("notification__client_id"))
    if not access.can(Permission.SETTINGS_VIEW):
        wanted = wanted.filter(user=access.user)
    return page_of(wanted, page, order=page.by("created_at", "id"))


@router.get("/notifications/settings", response=NotificationSettingsOut, tags=NOTICES)
@api_rule(Permission.INBOX_VIEW)
def get_settings(request: ApiRequest) -> Any:
    """How the caller is told."""
    return _settings(request)


@router.put("/notifications/settings", response=NotificationSettingsOut, tags=NOTICES)
@api_rule(Permission.INBOX_VIEW)
def save_settings(request: ApiRequest, payload: NotificationSettingsIn) -> Any:
    """Change how the caller is told. Addresses must be public and https."""
    values = payload.dict()
    names = ("slack_url", "slack_signing_secret", "slack_member", "webhook_url", "webhook_secret")
    addresses = {name: value for name in names if (value := values.pop(name)) is not None}
    notifications.save_settings(user=request.access.user, values=values, addresses=addresses)
    return _settings(request)


def _settings(request: ApiRequest) -> dict[str, Any]:
    own = notifications.settings_of(request.access.user)
    addresses = notifications.addresses_of(own)
    names = ("is_on", "time_zone", "quiet_from", "quiet_until", "batch_minutes", "hourly_limit")
    return {
        **{name: getattr(own, name) for name in names},
        "has_slack": bool(addresses.get("slack_url")),
        "has_slack_buttons": slack.has_buttons(addresses),
        "has_webhook": bool(addresses.get("webhook_url")),
    }


@router.put("/notifications/choices", response={204: None}, tags=NOTICES)
@api_rule(Permission.INBOX_VIEW)
def choose_way(request: ApiRequest, payload: NotificationChoiceIn) -> Any:
    """Switch one way for one occasion on or off."""
    client: Client | None = None
    if payload.client_id is not None:
        client = get_or_404(request.access.clients(), payload.client_id)
    notifications.choose(
        user=request.access.user,
        client=client,
        occasion=Occasion(payload.occasion),
        way=Way(payload.way),
        is_on=payload.is_on,
    )
    return Status(204, None)
