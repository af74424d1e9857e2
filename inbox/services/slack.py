"""Slack: notices with buttons, and what pressing one does.

Facts of Slack (docs.slack.dev, "Verifying requests from Slack" and "block_actions payload"): the signature is
``v0=`` and the HMAC-SHA256 of ``v0:<timestamp>:<raw body>`` with the app's signing secret; calls older than five
minutes are replays; a call is answered within three seconds, and what the person is to read goes to ``response_url``.
Messages may hold fields to write in ("Input block"); what stands in them comes with each press, in ``state.values`` by
block and action, and a field holds at most 3,000 characters ("Plain-text input").
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

from django.conf import settings

from campaigns.scheduling.zones import UnknownZone, zone
from inbox import snoozing
from inbox.models import Conversation, Message, Notification, NotificationSettings, ReplyDraft
from inbox.services import acts, drafts, notifications, replies, steering
from project.core.clock import now
from project.core.http import HttpError, client_for
from project.core.ids import parse_uuid
from project.core.refusals import Invalid, Refused
from project.tenancy.access import Access, Permission, access_for
from project.tenancy.models import User

#: Where Slack takes what a person is to read.
ANSWERS_AT: Final = "https://hooks.slack.com/"
MAX_AGE_SECONDS: Final = 300
#: Buttons of a notice, in their order.
BUTTONS: Final[dict[str, str]] = {
    "take": "Take it",
    "snooze": "Snooze until tomorrow",
    "close": "Close",
    "interested": "Interested",
    "not_interested": "Not interested",
}
#: The button beside a field to write in: what stands there leaves as a reply.
ANSWER: Final = "answer"
_FIELD: Final = "text"
_LONGEST: Final = 3_000


def has_buttons(addresses: dict[str, Any]) -> bool:
    """Whether a person's notices carry buttons: only where it is known who may press them, and who vouches for it."""
    return bool(addresses.get("slack_signing_secret") and addresses.get("slack_member"))


def blocks(
    notices: Sequence[Notification], address_of: Callable[[Notification], str]
) -> list[dict[str, Any]]:
    """The notices as Slack shows them, each with its buttons; what tells of a reply can be answered there."""
    found: list[dict[str, Any]] = []
    seen = _seen(notices)
    for notice in notices:
        text = f"<{address_of(notice)}|{plain(notice.title)}>\n{plain(notice.text)}"
        buttons = [
            {
                "type": "button",
                "action_id": name,
                "value": f"{notice.conversation_id}:{seen.get(notice.id, '')}",
                "text": {"type": "plain_text", "text": label},
            }
            for name, label in BUTTONS.items()
        ]
        answer = {
            "type": "button",
            "action_id": "open",
            "url": address_of(notice),
            "text": {"type": "plain_text", "text": "Answer"},
        }
        found += [
            {"type": "section", "text": {"type": "mrkdwn", "text": text[:2900]}},
        ]
        if notice.id in seen:
            found.append(_field(notice))
            value = f"{notice.conversation_id}:{seen[notice.id]}:{notice.id}"
            send = {"type": "plain_text", "text": "Send this answer"}
            buttons.insert(
                0,
                {
                    "type": "button",
                    "action_id": ANSWER,
                    "value": value,
                    "text": send,
                    "style": "primary",
                },
            )
        found.append({"type": "actions", "elements": [answer, *buttons]})
    return found


def _seen(notices: Sequence[Notification]) -> dict[UUID, int]:
    """The position in its thread of the message that each notice of a reply tells of: what its reader has seen."""
    told = {
        message_id: notice.id
        for notice in notices
        if notice.key.startswith("reply:") and (message_id := parse_uuid(notice.key.removeprefix("reply:")))
    }
    rows = Message.objects.filter(id__in=list(told), deleted_at=None).values_list("id", "revision")
    return {told[message_id]: revision for message_id, revision in rows}


def _field(notice: Notification) -> dict[str, Any]:
    return {
        "type": "input",
        "block_id": f"{ANSWER}:{notice.id}",
        "optional": True,
        "label": {"type": "plain_text", "text": "Your answer"},
        "element": {
            "type": "plain_text_input",
            "action_id": _FIELD,
            "multiline": True,
            "max_length": _LONGEST,
        },
    }


def plain(text: str) -> str:
    """Text that Slack takes for text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def is_signed(secret: str, *, timestamp: str, signature: str, body: bytes) -> bool:
    """Whether Slack made a call, and made it now."""
    if not timestamp.isdecimal() or len(timestamp) > 12 or not signature.isascii():
        return False
    if abs(now().timestamp() - int(timestamp)) > MAX_AGE_SECONDS:
        return False
    made = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"v0={made}", signature)


def pressed(own: NotificationSettings, body: bytes) -> tuple[str, str]:
    """Do what a button says, as the person whose notice it was; return what to tell whom: text and address.

    Both are empty for calls that press no button of ours. The caller has checked the signature.
    """
    payload = _payload(body)
    action = payload.get("actions", [{}])[0] if payload.get("type") == "block_actions" else {}
    name, value = str(action.get("action_id", "")), str(action.get("value", ""))
    if name != ANSWER and name not in BUTTONS:
        return "", ""
    answer_at = str(payload.get("response_url", ""))
    if not answer_at.startswith(ANSWERS_AT):
        answer_at = ""
    if payload.get("user", {}).get("id") != notifications.addresses_of(own).get("slack_member"):
        return f"Only {own.user.display_name} can do this here.", answer_at
    access = access_for(own.user, own.organization)
    conversation_id = parse_uuid(value.partition(":")[0])
    rows = Conversation.objects.filter(id=conversation_id).select_related("lead")
    found = rows.filter(access.client_filter()).first() if access is not None and conversation_id else None
    if access is None or found is None or not access.can(Permission.INBOX_REPLY):
        return "This conversation is not there, or it is not yours to change.", answer_at
    try:
        if name == ANSWER:
            return _answer(found, access.user, value, payload.get("state")), answer_at
        return _do(name, found, access, own.time_zone, _revision(value)), answer_at
    except Refused as refusal:
        return refusal.message, answer_at


def _payload(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(parse_qs(body.decode()).get("payload", ["{}"])[0])
    except (UnicodeDecodeError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or not isinstance(found.get("user", {}), dict):
        return {}
    told = found.get("actions")
    is_sound = isinstance(told, list) and bool(told) and isinstance(told[0], dict)
    return found if is_sound else {}


def _answer(conversation: Conversation, user: User, value: str, state: Any) -> str:
    """Queue what was written as a reply of this person; return what is said of it. Raises ``Refused``.

    It answers what the notice told of: a thread that has moved on since refuses it, as the composer does. The same text
    under the same notice is the same reply, however often the button is pressed.
    """
    notice = [*value.split(":"), "", ""][2]
    text, revision = _written(state, f"{ANSWER}:{notice}"), _revision(value)
    if revision is None or not text:
        raise Invalid("Write your answer into the field first. Nothing was sent.")
    draft = drafts.draft_of(conversation_id=conversation.id, author=user)
    if draft is not None and draft.mode == ReplyDraft.Mode.REPLY:
        raise Invalid("You are writing a reply there in the inbox. Send it or throw it away first.")
    message = replies.send_reply(
        conversation_id=conversation.id,
        author=user,
        body=text,
        client_token=uuid5(NAMESPACE_URL, f"slack:{notice}:{text}"),
        seen_revision=revision,
        options=replies.Options(undo_seconds=settings.REPLY_UNDO_SECONDS),
    )
    if message.state == Message.State.WITHDRAWN:
        return f"This answer to {conversation.title} was taken back. Change it to send it."
    if message.timing == Message.Timing.UNDO:
        until = f"in {settings.REPLY_UNDO_SECONDS} seconds. Until then it can be taken back in the inbox."
        return f"Your answer to {conversation.title} leaves {until}"
    return f"Your answer to {conversation.title} is on its way."


def _revision(value: str) -> int | None:
    """The position in the thread that a button's notice told of; ``None`` where it told of no message."""
    revision = [*value.split(":"), ""][1]
    return int(revision) if revision.isdecimal() and len(revision) <= 9 else None


def _written(state: Any, block: str) -> str:
    """What stands in a field; nothing where Slack's state is not as documented."""
    found = state
    for name in ("values", block, _FIELD, "value"):
        found = found.get(name) if isinstance(found, dict) else None
    return found.strip()[:_LONGEST] if isinstance(found, str) else ""


def _do(name: str, conversation: Conversation, access: Access, zone_name: str, revision: int | None) -> str:
    """Do it; return what is said of it. Triage goes through the journal, so that it can be taken back in the inbox."""
    user, who = access.user, conversation.title
    if name in {"interested", "not_interested"}:
        steering.correct_intent(conversation_id=conversation.id, intent=name, actor=user)
        return f"{who}: read as {name.replace('_', ' ')}."
    given: dict[str, Any] = {}
    if name == "take":
        given = {"assignee": str(user.id), "note": ""}
    elif name == "snooze":
        until = snoozing.until("tomorrow", now(), _zone(zone_name))
        given = {"until": until.isoformat() if until else ""}
    act = {"take": "assign"}.get(name, name)
    seen = {conversation.id: revision} if revision is not None else {}
    entry = acts.perform(act=act, conversation_ids=[conversation.id], given=given, actor=user, seen=seen)
    if entry.failures:
        return str(entry.failures[0]["why"])
    said = {"take": "is yours", "snooze": "is snoozed until tomorrow morning", "close": "is closed"}[name]
    return f"{who} {said}. You can take it back in the inbox."


def _zone(name: str) -> ZoneInfo:
    try:
        return zone(name)
    except UnknownZone:
        return zone("UTC")


def tell(*, answer_at: str, text: str) -> None:
    """Tell whoever pressed what came of it; nobody waits for it, and it is not tried again."""
    client = client_for(
        "notifications", timeout=8, max_bytes=64 * 1024, redact=[answer_at], breaker_key=ANSWERS_AT
    )
    content = {"response_type": "ephemeral", "replace_original": False, "text": plain(text)}
    try:
        client.request("POST", answer_at, json=content)
    except HttpError:
        return
