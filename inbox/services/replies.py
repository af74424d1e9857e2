"""Replies of people, and what becomes of everything that we send in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from campaigns.models import Lead
from inbox.events import ReplyFailed
from inbox.models import Conversation, Message, ReplyDraft
from inbox.services import (
    canned,
    changes,
    channels,
    clocks,
    copies,
    departures,
    drafts,
    files,
    live,
    messages,
    notifications,
    threads,
)
from inbox.services.answering import MAX_LENGTH as LONGEST
from inbox.services.answering import NotAnswerable, answer
from integrations.domain_events import OutboundChanged
from integrations.locks import lock_sender, lock_senders
from integrations.models import OutboundMessage
from integrations.services import outbox
from integrations.values import Person
from project.core.clock import now
from project.core.events import publish
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

MAX_LENGTH = 8000


class ReplyRefused(Invalid):
    """The reply cannot be sent as it is; the message says why. Nothing was sent."""


class StaleThread(ReplyRefused):
    """The thread has moved on since the writer looked at it; ``new`` are the entries they have not seen."""

    status = 409

    def __init__(self, new: list[Message], revision: int) -> None:
        count = "is a new message" if len(new) == 1 else f"are {len(new)} new messages"
        super().__init__(
            f"There {count} in this thread. Nothing was sent; look at what is new first.",
            code="STALE_THREAD",
            revision=revision,
        )
        self.new = new
        self.revision = revision


class SomebodyWrites(ReplyRefused):
    """Somebody else began a reply here first and is at it; say ``despite_others`` to send all the same."""

    status = 409

    def __init__(self, draft: ReplyDraft) -> None:
        name = draft.author.display_name
        super().__init__(
            f"{name} began a reply here before you and is writing it. Nothing was sent; send it again if both should "
            "leave.",
            code="SOMEBODY_WRITES",
            author=str(draft.author_id),
        )
        self.draft = draft


class UnreadElsewhere(ReplyRefused):
    """The thread that the reply would go into, another one with the same person, is unread."""

    status = 409

    def __init__(self, conversation: Conversation) -> None:
        super().__init__(
            f"The thread of {conversation.title} with {conversation.sender.name} is unread. Nothing was sent; look at "
            "that thread first.",
            code="UNREAD_ELSEWHERE",
            conversation=str(conversation.id),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a reply leaves, where it is not from the thread's own sender, at once and as plain text.

    ``sender_id``       leave from this account: the reply goes into its thread with the same person.
    ``confirm_sender``  the writer has been told that the person knows another sender.
    ``subject``         of the e-mail, where it begins a thread.
    ``cc``, ``bcc``     who else gets the e-mail, as addresses in lower case.
    ``file_ids``        files that were uploaded for it (``services.files``).
    ``leaves_at``       leave then, unless they write first; else after ``undo_seconds``, in which it can be taken back.
    ``canned_id``       the canned reply that it was made of, for its statistics.
    ``despite_others``  the writer has been told that somebody else is writing here too.
    """

    sender_id: UUID | None = None
    confirm_sender: bool = False
    subject: str = ""
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    file_ids: tuple[UUID, ...] = ()
    leaves_at: datetime | None = None
    undo_seconds: int = 0
    canned_id: UUID | None = None
    despite_others: bool = False


@transaction.atomic
def send_reply(
    *,
    conversation_id: UUID,
    author: User,
    body: str,
    client_token: UUID,
    seen_revision: int,
    options: Options | None = None,
) -> Message:
    """Queue a reply in a thread. The same ``client_token`` again returns the reply that exists.

    Raises ``StaleThread`` when messages came or were sent by others after ``seen_revision``, ``SomebodyWrites`` while
    somebody who began before is writing here, ``ThreadMoved`` for a thread that was merged into another one,
    ``UnreadElsewhere`` where it would go into another thread that is unread, ``ReplyRefused`` for empty or over-long
    text and for threads that cannot be answered, and ``Invalid`` for variables without a value, files that are gone and
    times that have passed.
    """
    chosen = options or Options()
    sender_id = Conversation.objects.values_list("sender_id", flat=True).get(id=conversation_id)
    lock_senders({sender_id, chosen.sender_id or sender_id})
    seen_in = threads.locked(conversation_id)
    threads_with = Q(conversation=seen_in)
    if chosen.sender_id is not None and seen_in.lead_id is not None:
        threads_with |= Q(conversation__lead_id=seen_in.lead_id, conversation__sender_id=chosen.sender_id)
    known: Message | None = Message.objects.filter(threads_with, client_token=client_token).first()
    if known is not None:
        return known
    threads.check_home(seen_in)
    new = list(
        Message.objects.filter(conversation=seen_in, revision__gt=seen_revision)
        .exclude(state=Message.State.WITHDRAWN)
        .select_related("author")
        .order_by("revision")
    )
    if new:
        raise StaleThread(new, seen_in.revision)
    if not chosen.despite_others:
        other = drafts.being_written(conversation_id=seen_in.id, author=author)
        if other is not None:
            raise SomebodyWrites(other)
    conversation = channels.thread_for(
        seen_in, chosen.sender_id, confirmed=chosen.confirm_sender, subject=chosen.subject
    )
    if conversation.id != seen_in.id and conversation.unread:
        raise UnreadElsewhere(conversation)
    text = _checked(body, conversation, has_files=bool(chosen.file_ids))
    message = _queue(conversation, seen_in, author, text, client_token, chosen)
    drafts.clear(conversation_id=seen_in.id, author=author, mode=ReplyDraft.Mode.REPLY)
    notifications.mark_read(user=author, conversation_id=seen_in.id)
    if conversation.id != seen_in.id:
        told = f"{author.display_name} answered from {conversation.sender.name} by {conversation.channel}."
        threads.add_line(seen_in, "elsewhere", told, now())
        live.conversation_changed(seen_in)
    return message


def _queue(
    conversation: Conversation,
    seen_in: Conversation,
    author: User,
    text: str,
    client_token: UUID,
    chosen: Options,
) -> Message:
    timing, leaves_at = departures.timing_of(chosen.leaves_at, chosen.undo_seconds)
    try:
        leaving = answer(conversation, text)
    except NotAnswerable as error:
        raise ReplyRefused(str(error)) from error
    if chosen.file_ids and "thread" in leaving.payload:
        raise ReplyRefused("Answers through this provider carry no files. Send it without them.")
    cc, bcc = copies.checked(conversation, list(chosen.cc), list(chosen.bcc))
    if bcc and "thread" in leaving.payload:
        raise ReplyRefused("Answers through this provider have no blind copies. Send it without them.")
    message = Message(
        conversation=conversation,
        revision=threads.next_revision(conversation),
        direction=Message.Direction.OUTBOUND,
        state=Message.State.QUEUED,
        timing=timing,
        leaves_at=leaves_at,
        decided_at=now(),
        client_token=client_token,
        author=author,
        sender_name=conversation.sender.name,
        subject=str(leaving.payload.get("subject", ""))[:300],
        body=text,
        canned_id=chosen.canned_id,
        copied_to=cc,
        blind_copied_to=bcc,
        occurred_at=leaves_at if timing == Message.Timing.SCHEDULED and leaves_at else now(),
    )
    message.save()
    payload = {**leaving.payload, **{name: given for name, given in (("cc", cc), ("bcc", bcc)) if given}}
    if chosen.file_ids:
        files.take_over(file_ids=chosen.file_ids, author=author, conversation=conversation, came_from=seen_in)
        payload["files"] = [
            str(row.id) for row in files.attach(message=message, file_ids=chosen.file_ids, author=author)
        ]
    message.outbound = outbox.queue(
        sender=conversation.sender,
        client_id=conversation.client_id,
        channel=conversation.channel,
        action=leaving.action,
        origin=OutboundMessage.Origin.REPLY,
        dedupe_key=f"reply:{conversation.id}:{client_token}",
        recipient=leaving.recipient,
        body=leaving.body,
        payload=payload,
        lead_id=conversation.lead_id,
        conversation_id=conversation.id,
        author=author,
        not_before=leaves_at,
    )
    message.save(update_fields=["outbound", "attachments", "updated_at"])
    if chosen.canned_id is not None:
        canned.count_use(chosen.canned_id)
    _answered(conversation, message, author)
    return message


def _checked(body: str, conversation: Conversation, *, has_files: bool) -> str:
    text = canned.finished(body.replace("\r\n", "\n").strip(), conversation=conversation)
    if not text and not (has_files and conversation.channel == "linkedin"):
        raise ReplyRefused("Write something first; the reply is empty.")
    most = LONGEST.get(conversation.channel, MAX_LENGTH)
    if len(text) > most:
        raise ReplyRefused(f"The reply has {len(text):,} characters; at most {most:,} can be sent.")
    has_chat = conversation.channel == "linkedin" and bool(conversation.chat_id)
    if not has_chat and not conversation.counterpart_id:
        raise ReplyRefused("This thread has no address to answer to.")
    return text


def _answered(conversation: Conversation, message: Message, author: User) -> None:
    """Bring the conversation in line with a reply; one that waits for its time has answered nobody yet."""
    audit.record(actor=author, action="reply.queued", subject=conversation, message=str(message.id))
    if message.timing != Message.Timing.SCHEDULED:
        conversation.last_message_at = message.occurred_at
        conversation.last_snippet = threads.summary(message)
        conversation.last_inbound = False
        conversation.unread = 0
        # They have acted; whoever waits is answered once it has left.
        conversation.lease_expires_at = None
    conversation.save()
    live.entry_changed(conversation, "message", message.id)
    live.conversation_changed(conversation)


@transaction.atomic
def retry(*, message_id: UUID, actor: User) -> Message:
    """Send a reply again that surely did not leave. Raises ``ReplyRefused`` for any other."""
    message: Message = Message.objects.select_related("outbound", "outbound__sender", "conversation").get(
        id=message_id
    )
    if message.outbound is None or not outbox.retry(message.outbound, actor=actor):
        raise ReplyRefused("Only a message that surely did not leave can be sent again.")
    Message.objects.filter(id=message.id).update(decided_at=now(), updated_at=now())
    return message.refreshed()


@transaction.atomic
def give_up(*, message_id: UUID, actor: User) -> Message:
    """Leave a message that was not sent as it is: it is no failed send any more, and can be sent again all the same.

    Raises ``ReplyRefused`` for one that did not fail.
    """
    found = Message.objects.values_list("conversation__sender_id", "conversation_id").get(id=message_id)
    lock_sender(found[0])
    conversation = threads.locked(found[1])
    message: Message = Message.objects.select_related("author", "outbound").get(id=message_id)
    if message.state != Message.State.FAILED:
        raise ReplyRefused("Only a message that was not sent can be given up.")
    message.state = Message.State.GIVEN_UP
    message.save(update_fields=["state", "updated_at"])
    threads.count_failures(conversation)
    audit.record(actor=actor, action="reply.given_up", subject=conversation, message=str(message.id))
    live.entry_changed(conversation, "message", message.id)
    live.conversation_changed(conversation)
    return message


def on_outbounds_changed(told: Sequence[OutboundChanged]) -> None:
    """Let messages in threads follow their outbox rows; a campaign's first message begins the thread."""
    # What has only been queued by a campaign is in no thread: nobody has written.
    rows = [
        change.outbound
        for change in told
        if change.previous or change.outbound.origin != OutboundMessage.Origin.CAMPAIGN
    ]
    known: dict[UUID, Message] = {}
    found = Message.objects.filter(outbound__in=[row.id for row in rows]).select_related("conversation")
    for message in found.order_by("created_at", "id") if rows else ():
        known.setdefault(message.outbound_id, message)
    for outbound in rows:
        _on_outbound_changed(outbound, known.get(outbound.id))


def _on_outbound_changed(outbound: OutboundMessage, message: Message | None) -> None:
    if message is not None:
        _follow(message, outbound)
    elif (
        outbound.state == OutboundMessage.State.SENT and outbound.action in _WRITTEN and not outbound.already
    ):
        _begin(outbound)


#: Actions that put a message into a thread. An invitation's note becomes one when it is accepted.
_WRITTEN = frozenset({"message", "inmail", "email", "sms"})

_STATES = {
    OutboundMessage.State.QUEUED: Message.State.QUEUED,
    OutboundMessage.State.SENDING: Message.State.QUEUED,
    OutboundMessage.State.SENT: Message.State.SENT,
    OutboundMessage.State.FAILED: Message.State.FAILED,
    OutboundMessage.State.CANCELLED: Message.State.FAILED,
    OutboundMessage.State.UNKNOWN: Message.State.UNKNOWN,
}


def _follow(message: Message, outbound: OutboundMessage) -> None:
    if message.state == Message.State.WITHDRAWN:
        return  # it was taken back; the conversation has been told
    if message.state == Message.State.GIVEN_UP and _state_of(outbound) == Message.State.FAILED:
        return
    if outbound.state == OutboundMessage.State.CANCELLED and outbound.error_kind == departures.WROTE_FIRST:
        departures.called_off(message_id=message.id)
        return
    before = (message.state, message.failure, message.api_message_id, message.provider_message_id)
    if message.state not in {Message.State.DELIVERED, Message.State.SEEN}:
        message.state = _state_of(outbound)
    message.failure = _why(outbound)[:300]
    message.api_message_id = message.api_message_id or outbound.message_id
    message.provider_message_id = message.provider_message_id or outbound.provider_message_id
    had_to_wait = message.timing
    if outbound.state == OutboundMessage.State.SENT and outbound.sent_at:
        message.occurred_at = outbound.sent_at
        message.timing, message.leaves_at = Message.Timing.NOW, None
    if before == (message.state, message.failure, message.api_message_id, message.provider_message_id):
        return
    conversation = threads.locked(message.conversation_id)
    message.save()
    changes.apply_pending(outbound.sender, message)
    if outbound.chat_id and not conversation.chat_id:
        conversation.chat_id = outbound.chat_id
        conversation.save(update_fields=["chat_id", "updated_at"])
    threads.count_failures(conversation)
    if had_to_wait and message.state == Message.State.SENT:
        threads.summarise(conversation)
    clocks.left(conversation, message, was=before[0])
    if message.state == Message.State.FAILED and before[0] != Message.State.FAILED and message.author_id:
        publish(ReplyFailed(conversation=conversation, message=message))
    live.entry_changed(conversation, "message", message.id)
    live.conversation_changed(conversation)


#: The provider took it, and it did not arrive.
_CAME_BACK = frozenset({"bounced", "undelivered"})


def _state_of(outbound: OutboundMessage) -> Message.State:
    if outbound.state == OutboundMessage.State.SENT and outbound.error_kind in _CAME_BACK:
        return Message.State.FAILED
    return _STATES[OutboundMessage.State(outbound.state)]


def _why(outbound: OutboundMessage) -> str:
    """What to say beside a message that has not left: why it waits, or why it failed."""
    state = OutboundMessage.State
    came_back = outbound.state == state.SENT and outbound.error_kind in _CAME_BACK
    if outbound.state in {state.FAILED, state.CANCELLED} or came_back:
        return outbound.error_detail or "It could not be sent. Nothing reached them."
    if outbound.state == state.UNKNOWN:
        return "It is not known yet whether this left. The provider is being asked; it is not sent again."
    return outbound.hold_reason if outbound.state == state.QUEUED else ""


def _begin(outbound: OutboundMessage) -> None:
    """A message of a sequence left: it belongs into the thread with that person."""
    conversation = threads.find_or_create(
        sender=outbound.sender,
        chat_id=outbound.chat_id,
        provider_chat_id=outbound.provider_chat_id,
        counterpart=Person(
            provider_id=outbound.recipient.get("provider_id", ""),
            email=outbound.recipient.get("email", ""),
            phone=outbound.recipient.get("phone", ""),
        ),
        lead=_lead_of(outbound.lead_id),
        occurred_at=outbound.sent_at or now(),
        subject=str(outbound.payload.get("subject", "")),
        references=outbound.payload.get("references", ()),
    )
    message = messages.store_own(conversation, outbound)
    live.entry_changed(conversation, "message", message.id)
    live.conversation_changed(conversation)


def _lead_of(lead_id: UUID | None) -> Lead | None:
    return Lead.objects.filter(id=lead_id).first() if lead_id else None
