"""Threads: the one conversation that everything with a person belongs to, its revision, and what the list says of it.

The caller holds the sender's lock (``integrations.locks``) wherever facts of providers come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q

from campaigns.models import Lead
from campaigns.rendering.mail import base_subject
from campaigns.services import matching
from inbox.models import Conversation, Message, SystemLine
from inbox.presenters import DELETED
from inbox.services import live
from integrations.events import MessageReceived
from integrations.models import SenderAccount
from integrations.values import Person
from project.core.clock import now
from project.core.refusals import Refused

SNIPPET = 160


def find_or_create(
    *,
    sender: SenderAccount,
    chat_id: str,
    provider_chat_id: str,
    counterpart: Person | None,
    lead: Lead | None,
    occurred_at: datetime,
    subject: str = "",
    references: Sequence[str] = (),
) -> Conversation:
    """Return the locked conversation of a chat; what was not known of it (ids, lead, name) is filled in.

    A thread that began with our own first message is found by its counterpart until the chat's ids are known. E-mail is
    also found by the messages that it answers (``references``), whatever its program made of the thread.
    """
    rows = Conversation.objects.select_for_update(of=("self",)).select_related("lead", "client", "sender")
    ids = Q()
    if chat_id:
        ids |= Q(chat_id=chat_id)
    if provider_chat_id:
        ids |= Q(provider_chat_id=provider_chat_id)
    found = _answered_thread(sender, references)
    if found is None and ids:
        found = rows.filter(ids, sender=sender).order_by("created_at", "id").first()
    if found is None and counterpart is not None and identifier_of(counterpart):
        nameless = Q(chat_id="", provider_chat_id="", counterpart_id=identifier_of(counterpart))
        found = rows.filter(nameless, sender=sender).first()
    if found is not None and found.merged_into_id is not None:
        found = _home_of(found)
    if found is None:
        found = Conversation(
            client_id=sender.client_id, sender=sender, channel=sender.channel, last_message_at=occurred_at
        )
        found.organization_id = sender.organization_id
    changes = _missing(found, chat_id, provider_chat_id, counterpart, lead, subject)
    for name, value in changes.items():
        setattr(found, name, value)
    if found._state.adding:
        found.save()
    elif changes:
        found.save(update_fields=[*changes, "updated_at"])
    return found


def lead_of(sender: SenderAccount, event: MessageReceived) -> matching.ThreadLead | None:
    """The lead of the thread that a message comes into, as ``find_or_create`` will find it; ``None`` without one."""
    chat = Q()
    for name, value in (("chat_id", event.chat_id), ("provider_chat_id", event.provider_chat_id)):
        if value:
            chat |= Q(**{name: value})
    home = _answered_id(sender, event.references)
    if home is None and not chat:
        return None
    rows = Conversation.objects.filter(Q(id=home) if home is not None else chat, sender=sender)
    told = Exists(SystemLine.objects.filter(conversation=OuterRef("pk"), kind="linked"))
    found = rows.order_by("created_at", "id").annotate(is_told=told).first()
    if found is not None and found.merged_into_id is not None:
        found = Conversation.objects.annotate(is_told=told).filter(id=home_of(found)).first()
    if found is None or found.lead_id is None:
        return None
    return matching.ThreadLead(found.lead_id, found.is_told)


def _answered_thread(sender: SenderAccount, references: Sequence[str]) -> Conversation | None:
    """The locked conversation of the newest message that a mail answers: threads may have been split since."""
    found = _answered_id(sender, references)
    return locked(found) if found is not None else None


def _answered_id(sender: SenderAccount, references: Sequence[str]) -> UUID | None:
    if not references:
        return None
    rows = Message.objects.filter(conversation__sender=sender, provider_message_id__in=list(references))
    homes = dict(rows.values_list("provider_message_id", "conversation_id"))
    return next((homes[found] for found in reversed(references) if found in homes), None)


def _home_of(merged: Conversation) -> Conversation:
    """Where the entries of a merged conversation went, locked."""
    seen = {merged.id}
    found = merged
    while found.merged_into_id is not None and found.merged_into_id not in seen:
        seen.add(found.merged_into_id)
        found = locked(found.merged_into_id)
    return found


def _missing(
    conversation: Conversation,
    chat_id: str,
    provider_chat_id: str,
    counterpart: Person | None,
    lead: Lead | None,
    subject: str,
) -> dict[str, Any]:
    given: dict[str, Any] = {"chat_id": chat_id, "provider_chat_id": provider_chat_id}
    given["subject"] = base_subject(subject)[:300]
    if counterpart is not None:
        given["counterpart_id"] = identifier_of(counterpart)
        given["counterpart_name"] = (counterpart.name or identifier_of(counterpart))[:200]
    changes = {name: value for name, value in given.items() if value and not getattr(conversation, name)}
    if lead is not None and conversation.lead_id is None:
        changes["lead"] = lead
    return changes


class ThreadMoved(Refused):
    """The thread is in another one by now: nothing can be written in it any more."""

    default_code = "THREAD_MOVED"


def check_home(conversation: Conversation) -> None:
    """Raise ``ThreadMoved`` where a conversation's entries went into another one."""
    if conversation.merged_into_id is not None:
        raise ThreadMoved(
            "This thread was merged into another one with the same person. Nothing was sent; write it there.",
            home=str(home_of(conversation)),
        )


def home_of(conversation: Conversation) -> UUID | None:
    """Where the entries of a merged conversation are by now; ``None`` if it was not merged."""
    seen = {conversation.id}
    found: UUID | None = conversation.merged_into_id
    while found is not None and found not in seen:
        seen.add(found)
        onward = Conversation.objects.values_list("merged_into_id", flat=True).filter(id=found).first()
        if onward is None:
            break
        found = onward
    return found


def identifier_of(person: Person) -> str:
    """What a person is known by on their channel: the network's id, the e-mail address or the telephone number."""
    return (person.provider_id or person.email.lower() or person.phone)[:160]


def next_revision(conversation: Conversation) -> int:
    """Raise the conversation's revision; the caller has its row locked and saves it (or nothing else does)."""
    Conversation.objects.filter(id=conversation.id).update(revision=F("revision") + 1)
    conversation.revision = Conversation.objects.values_list("revision", flat=True).get(id=conversation.id)
    return conversation.revision


def revision_of(conversation: Conversation) -> int:
    """The conversation's revision as it is stored: lines raise it beside a loaded row."""
    found: int = Conversation.objects.values_list("revision", flat=True).get(id=conversation.id)
    return found


def add_line(
    conversation: Conversation, kind: str, text: str, at: datetime, *, until: datetime | None = None
) -> SystemLine:
    """Add a line that says what happened around the thread. With ``until`` the text goes on with "until" and that."""
    line: SystemLine = SystemLine.objects.create(
        conversation=conversation,
        revision=next_revision(conversation),
        kind=kind,
        text=text[:300],
        until=until,
        occurred_at=at,
    )
    live.entry_changed(conversation, "line", line.id)
    return line


def summary(message: Message) -> str:
    """What the list says of a message; what was taken back is not shown there either."""
    if message.deleted_at:
        return DELETED
    text = snippet(message.body)
    return text or ", ".join(str(item.get("name", "")) for item in message.attachments)[:SNIPPET]


def summarise(conversation: Conversation) -> None:
    """Bring a conversation's summary in line with what is in it now; the caller has its row locked."""
    rows = Message.objects.filter(conversation=conversation).exclude(state=Message.State.WITHDRAWN)
    shown = rows.exclude(state=Message.State.QUEUED, timing=Message.Timing.SCHEDULED)
    newest = shown.order_by("-occurred_at", "-id").first()
    theirs = rows.filter(direction=Message.Direction.INBOUND)
    conversation.answer_address = conversation.answer_name = ""
    if conversation.channel == "email":
        written = theirs.exclude(sender_address="").order_by("-occurred_at", "-id").first()
        if written is not None:
            answer_to(conversation, written)
    conversation.last_inbound_at = (
        theirs.order_by("-occurred_at").values_list("occurred_at", flat=True).first()
    )
    conversation.has_inbound = conversation.last_inbound_at is not None
    conversation.failed_sends = rows.filter(state=Message.State.FAILED).count()
    conversation.last_snippet = summary(newest) if newest is not None else ""
    if newest is not None:
        conversation.last_message_at = newest.occurred_at
        conversation.last_inbound = newest.direction == Message.Direction.INBOUND
    conversation.save()


def answer_to(conversation: Conversation, message: Message) -> None:
    """Have a locked conversation's answers go to whoever wrote this e-mail of theirs. The caller saves it."""
    address = message.sender_address
    if conversation.channel != "email" or not address or address == conversation.sender.address.lower():
        return
    is_other = address != conversation.counterpart_id.lower()
    conversation.answer_address = address if is_other else ""
    conversation.answer_name = message.sender_name if is_other else ""


def snippet(text: str) -> str:
    """One line of a message for the list."""
    return " ".join(text.split())[:SNIPPET]


def count_failures(conversation: Conversation) -> None:
    """Bring the number of failed sends of a conversation in line with its messages.

    What a campaign sent and what came back where nobody has written is work for nobody: it stands among the failed
    sends, and in no open view. It is put away once: whoever opens it again all the same keeps it.
    """
    was_shown = is_shown(conversation)
    is_news = conversation.failed_sends == 0 and conversation.closed_at is None
    failed = Message.objects.filter(conversation=conversation, state=Message.State.FAILED)
    by_author = dict(failed.values_list(Q(author=None)).annotate(count=Count("id")))
    conversation.failed_sends = sum(by_author.values())
    fields = ["failed_sends", "updated_at"]
    if is_news and conversation.failed_sends and not conversation.has_inbound and False not in by_author:
        conversation.status, conversation.closed_at = Conversation.Status.CLOSED, now()
        conversation.snoozed_until = None
        fields += ["status", "closed_at", "snoozed_until"]
    conversation.save(update_fields=fields)
    if was_shown and not is_shown(conversation):
        live.conversation_gone(conversation)


def is_shown(conversation: Conversation) -> bool:
    """Whether lists show a conversation (``SHOWN``)."""
    return conversation.has_inbound or conversation.failed_sends > 0


def locked(conversation_id: UUID) -> Conversation:
    """Return a conversation with its row locked until the end of the transaction."""
    conversation: Conversation = (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("lead", "client", "sender", "sender__connection", "assignee")
        .get(id=conversation_id)
    )
    return conversation
