"""Macros: kept, shown beforehand, and run as acts of the journal (``acts``), so that one undo undoes all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from inbox import snoozing
from inbox.models import CannedReply, Conversation, Label, Macro, ReplyDraft
from inbox.services import assignment, canned, departures, drafts, replies, triage
from inbox.services.triage import TriageRefused
from integrations.locks import lock_sender
from project.core.clock import now
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import Client, Membership, User

#: Presets of ``inbox.snoozing`` that are offered at any time of the day.
SNOOZES: Final[dict[str, str]] = {
    "3h": "For 3 hours",
    "tomorrow": "Until tomorrow morning",
    "3d": "For 3 days",
    "monday": "Until next Monday",
    "month": "For a month",
    snoozing.UNTIL_REPLY: "Until they write",
}
KEYS: Final = "123456789"
#: Most that somebody has in their menu.
OFFERED: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a macro does, in this order; what is empty is left out."""

    canned_id: UUID | None = None
    label_id: UUID | None = None
    assign: str = Macro.Assign.KEEP
    assignee_id: UUID | None = None
    end: str = Macro.End.OPEN
    snooze: str = ""


@transaction.atomic
def save(
    *,
    macro: Macro | None,
    name: str,
    key: str,
    client: Client | None,
    owner: User | None,
    parts: Parts,
    actor: User,
) -> Macro:
    """Make or change a macro. Raises ``Invalid`` for one that does nothing, and for parts that do not fit together."""
    title = " ".join(name.split())
    if not title or len(title) > 60:
        raise Invalid("A name has 1 to 60 characters.", field="name")
    if key and (len(key) != 1 or key not in KEYS):
        raise Invalid("The key is a digit from 1 to 9.", field="key")
    row = macro or Macro()
    row.name, row.key, row.client, row.owner = title, key, client, owner
    _check(row, parts)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Invalid(f"There is a macro called {title} already.", field="name") from error
    audit.record(actor=actor, action="macro.saved", subject=row, name=title)
    return row


def _check(row: Macro, parts: Parts) -> None:
    """Put the parts into a macro. Whatever it uses must be there for everybody who may run it."""
    theirs = Q(client=None) | Q(client=row.client) if row.client is not None else Q(client=None)
    whose = Q(owner=None) | Q(owner=row.owner) if row.owner is not None else Q(owner=None)
    row.canned = CannedReply.objects.filter(theirs, whose, id=parts.canned_id).first()
    if parts.canned_id is not None and row.canned is None:
        raise Invalid("This canned reply is not there for everybody who may run it.", field="canned")
    row.label = Label.objects.filter(theirs, id=parts.label_id).first()
    if parts.label_id is not None and row.label is None:
        raise Invalid("This label is not there for all conversations that it is run on.", field="label")
    row.assign, row.assignee = parts.assign, _assignee(parts)
    row.end, row.snooze = parts.end, _snooze(parts)
    if not (row.canned or row.label or row.assign or row.end):
        raise Invalid("A macro does at least one thing.")


def _assignee(parts: Parts) -> User | None:
    if parts.assign not in Macro.Assign.values:
        raise Invalid("Choose whom it is given to.", field="assign")
    if parts.assign != Macro.Assign.PERSON:
        return None
    rows = Membership.objects.filter(user_id=parts.assignee_id, is_active=True, role__in=assignment.ANSWERING)
    member = rows.select_related("user").first()
    if member is None:
        raise Invalid("Choose somebody who answers conversations.", field="assignee")
    found: User = member.user
    return found


def _snooze(parts: Parts) -> str:
    if parts.end not in Macro.End.values:
        raise Invalid("Choose what is done in the end.", field="end")
    if parts.end != Macro.End.SNOOZE:
        return ""
    if parts.snooze not in SNOOZES:
        raise Invalid("Choose for how long it is snoozed.", field="snooze")
    return parts.snooze


@transaction.atomic
def delete(*, macro: Macro, actor: User) -> None:
    """Throw a macro away; what was done with it stays done."""
    audit.record(actor=actor, action="macro.deleted", subject=macro, name=macro.name)
    macro.delete()


# --- beforehand -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Preview:
    """What a macro would do to one conversation: the reply as it leaves, or ``why`` nothing would be done."""

    conversation: Conversation
    text: str = ""
    why: str = ""


def preview(*, macro: Macro, conversations: Sequence[Conversation], actor: User) -> list[Preview]:
    """Show what a macro would do. Reads ``lead`` and ``sender`` of the conversations."""
    return [_preview(macro, one, actor) for one in conversations]


def _preview(macro: Macro, conversation: Conversation, actor: User) -> Preview:
    why = _objection(macro, conversation, actor)
    if why or macro.canned is None:
        return Preview(conversation, why=why)
    try:
        filled = canned.fill(macro.canned.body, conversation=conversation)
    except Invalid as error:
        return Preview(conversation, why=error.message)
    missing = f"There is no value for {', '.join(filled.missing)}." if filled.missing else ""
    return Preview(conversation, text=filled.text, why=missing)


def _objection(macro: Macro, conversation: Conversation, actor: User) -> str:
    """Why a macro cannot be run on a conversation at all, if it cannot."""
    if macro.client_id not in {None, conversation.client_id}:
        return f"This macro is for {macro.client} only."
    if macro.canned is None:
        return ""
    if macro.canned.channel not in {"", conversation.channel}:
        return f"“{macro.canned.name}” is for {macro.canned.get_channel_display()} only."
    draft = drafts.draft_of(conversation_id=conversation.id, author=actor)
    if draft is not None and draft.mode == ReplyDraft.Mode.REPLY:
        return "You are writing a reply here. Send it or throw it away first."
    return ""


# --- running ----------------------------------------------------------------------------------------


def given_for(macro: Macro, zone: ZoneInfo) -> dict[str, Any]:
    """What the act is given, as the journal keeps it. A snooze ends in the zone of whoever runs it."""
    until = snoozing.until(macro.snooze, now(), zone) if macro.end == Macro.End.SNOOZE else None
    return {
        "macro": str(macro.id),
        "name": macro.name,
        "token": str(uuid4()),
        "until": until.isoformat() if until else "",
    }


def lock(conversation_id: UUID) -> None:
    """Take the account's lock, which comes before the conversation's. Raises ``Conversation.DoesNotExist``."""
    lock_sender(Conversation.objects.values_list("sender_id", flat=True).get(id=conversation_id))


def run(*, conversation_id: UUID, given: dict[str, Any], seen: int, actor: User) -> UUID | None:
    """Do what a macro does to one conversation; return the id of the reply, if it has one.

    The caller holds the account's lock and a transaction: whatever is refused undoes the rest. Raises ``Refused``.
    """
    rows = Macro.objects.filter(Q(owner=None) | Q(owner=actor)).select_related("canned", "client")
    macro = rows.filter(id=given["macro"]).first()
    if macro is None:
        raise TriageRefused("This macro is not there any more.")
    why = _objection(macro, Conversation.objects.get(id=conversation_id), actor)
    if why:
        raise TriageRefused(why)
    reply_id = None
    if macro.canned is not None:
        message = replies.send_reply(
            conversation_id=conversation_id,
            author=actor,
            body=macro.canned.body,
            client_token=uuid5(UUID(given["token"]), str(conversation_id)),
            seen_revision=seen,
            options=replies.Options(undo_seconds=settings.REPLY_UNDO_SECONDS, canned_id=macro.canned.id),
        )
        reply_id = message.id
    if macro.label_id is not None:
        triage.add_label(conversation_id=conversation_id, label_id=macro.label_id, actor=actor)
    if macro.assign:
        people = {Macro.Assign.ME.value: actor.id, Macro.Assign.PERSON.value: macro.assignee_id}
        triage.assign(conversation_id=conversation_id, assignee_id=people.get(macro.assign), actor=actor)
    if macro.end:
        triage.check_seen(conversation_id, seen)
    if macro.end == Macro.End.CLOSE:
        triage.close(conversation_id=conversation_id, actor=actor)
    elif macro.end == Macro.End.SNOOZE:
        triage.snooze(conversation_id=conversation_id, until=snoozing.instant(given["until"]), actor=actor)
    return reply_id


def take_back(*, reply_id: str, actor: User) -> str:
    """Take a macro's reply back; say why not, if not."""
    try:
        departures.take_back(message_id=UUID(reply_id), actor=actor, keeps_text=False)
    except departures.TooLate:
        return "The reply has left and stays."
    return ""
