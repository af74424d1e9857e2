"""What the JSON API of the inbox takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from inbox.services import copies
from inbox.services.replies import Options
from project.core.api_pages import OrderedPageIn
from project.core.api_values import Instant

ViewName = Literal["mine", "unassigned", "all", "snoozed", "closed", "failed", "unmatched"]
Direction = Literal["inbound", "outbound", "unknown"]


class ConversationsIn(OrderedPageIn):
    """Which conversations, in the order of their last message."""

    view: ViewName = Field(
        "all", description="The views of the page; all, mine, ... show open conversations."
    )
    client: UUID | None = Field(None, alias="filter[client]", description="Only those of this client.")
    lead: UUID | None = Field(None, alias="filter[lead]", description="Only those with this lead.")
    query: str = Field(
        "",
        alias="filter[query]",
        max_length=1_000,
        description="The query string of a list of the page, in place of the view: view=all&unread=1&q=pricing.",
    )


class ConversationOut(Schema):
    """A thread with one person through one sender account.

    ``revision`` rises with every change of the thread: send the one you have seen with a reply. ``unread``
    counts messages that nobody of the team has seen.
    """

    id: UUID
    client_id: UUID
    sender_id: UUID
    channel: str
    title: str = Field(description="Whom it is with: the lead, else the name that the network gives.")
    lead_id: UUID | None
    campaign_id: UUID | None
    enrollment_id: UUID | None
    status: Literal["open", "snoozed", "closed"]
    snoozed_until: datetime | None
    assignee_id: UUID | None
    revision: int
    unread: int
    failed_sends: int
    last_message_at: datetime
    last_inbound_at: datetime | None
    last_snippet: str
    intent: str = Field(description="What their last reply means; empty when nobody has read it yet.")
    priority: int = Field(description="0 normal, 1 high, 2 urgent.")
    awaiting_since: datetime | None = Field(description="Their first message that nobody has answered yet.")
    sla_due_at: datetime | None = Field(description="Until when an answer is in time.")
    lease_expires_at: datetime | None = Field(description="When what was taken goes back to the team.")
    labels: list[str]


class AttachmentOut(Schema):
    """A file of a message; ``size`` is in bytes."""

    #: Download it at `/files/{file_id}`.
    file_id: UUID | None = None
    kind: str = "file"
    name: str = ""
    mime_type: str = ""
    size: int | None = None


class ReactionOut(Schema):
    """Somebody's reaction to a message."""

    value: str
    by: str = ""
    ours: bool = False


class MessageOut(Schema):
    """A message of a thread. ``failure`` says why it was not sent, or why it waits. Deleted ones have no text."""

    id: UUID
    conversation_id: UUID
    revision: int
    direction: Direction
    state: Literal[
        "received", "queued", "sent", "delivered", "seen", "failed", "unknown", "withdrawn", "given_up"
    ]
    timing: Literal["", "undo", "scheduled"] = Field(
        "", description="Why a queued reply waits for `leaves_at`."
    )
    leaves_at: datetime | None = None
    author_id: UUID | None
    sender_name: str
    body: str
    html: str = Field("", description="E-mail: as it was made, sanitised; empty where the text says it all.")
    quoted: str = Field("", description="E-mail: what the text quotes.")
    copied_to: list[str] = []
    blind_copied_to: list[str] = []
    attachments: list[AttachmentOut]
    reactions: list[ReactionOut]
    step_label: str = Field(description="The step of a sequence that sent it; empty for replies of people.")
    sequence_step_number: int | None = Field(
        description="Provider-run campaigns: the step that sent it; of a reply, the step that it answers."
    )
    failure: str
    occurred_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    delivered_at: datetime | None
    seen_at: datetime | None

    @staticmethod
    def resolve_body(message: Any) -> str:
        """The text, unless its writer took it back."""
        return "" if message.deleted_at else str(message.body)


class MentionOut(Schema):
    """Whom a note mentions; without an id: everybody who reads the client's conversations."""

    id: UUID | None
    name: str


class NoteOut(Schema):
    """A note of the team; the client's people see it since ``shown_to_client_at``, or not at all."""

    mentions: list[MentionOut] = []

    id: UUID
    conversation_id: UUID
    revision: int
    author_id: UUID | None
    body: str
    created_at: datetime
    pinned_at: datetime | None = None
    shown_to_client_at: datetime | None = None


class LineOut(Schema):
    """A line that says what happened around the thread. ``until``: the text goes on with "until" and that moment."""

    id: UUID
    conversation_id: UUID
    revision: int
    kind: str
    text: str
    until: datetime | None = None
    occurred_at: datetime


class EntryOut(Schema):
    """One entry of a thread: exactly one of the three is set."""

    kind: Literal["message", "note", "line"]
    at: datetime
    message: MessageOut | None = None
    note: NoteOut | None = None
    line: LineOut | None = None


class ComposerOut(Schema):
    """What a reply would be sent with. ``off`` says why nothing can be sent now; empty if it can."""

    sender_id: UUID
    sender_name: str
    channel: str
    #: Most characters that a reply may have.
    max_length: int
    #: E-mail: the subject that it would leave with; else blank.
    subject: str
    used: int
    limit: int
    left: int
    resets: datetime
    off: str


class ConversationDetailOut(ConversationOut):
    """A thread with its last hundred entries, oldest first, and what a reply would be sent with."""

    entries: list[EntryOut]
    composer: ComposerOut


class ReplyIn(Schema):
    """A reply. The same ``client_token`` (make one per reply) is the same reply, however often it is sent."""

    body: str = Field(max_length=20_000)
    client_token: UUID
    seen_revision: int = Field(
        ge=0, le=2_147_483_647, description="``revision`` of what the writer has seen."
    )

    sender_id: UUID | None = Field(
        None,
        description="Leave from this account of the same client, into its thread with the same person. With "
        "another than the thread's own, say `confirm_sender` (else 409 `CONFIRM_SENDER`).",
    )
    confirm_sender: bool = False
    subject: str = Field("", max_length=200, description="Of the e-mail, where it begins a thread.")
    cc: list[str] = Field(default_factory=list, max_length=20, description="Of the e-mail: who gets a copy.")
    bcc: list[str] = Field(default_factory=list, max_length=20, description="The same, seen by nobody else.")
    file_ids: list[UUID] = Field(default_factory=list, max_length=10, description="Files uploaded for it.")
    leaves_at: Instant | None = Field(
        None, description="Leave then; it is called off (its text is a draft again) if they write first."
    )
    undo_seconds: int = Field(0, ge=0, le=60, description="How long it can be taken back before it leaves.")
    canned_id: UUID | None = None
    despite_others: bool = Field(
        False, description="Send it although somebody began a reply there first (else 409 `SOMEBODY_WRITES`)."
    )

    def options(self) -> Options:
        """How it leaves, as the service takes it."""
        return Options(
            sender_id=self.sender_id,
            confirm_sender=self.confirm_sender,
            subject=self.subject,
            cc=tuple(copies.addresses(" ".join(self.cc), field="cc")),
            bcc=tuple(copies.addresses(" ".join(self.bcc), field="bcc")),
            file_ids=tuple(self.file_ids),
            leaves_at=self.leaves_at,
            undo_seconds=self.undo_seconds,
            canned_id=self.canned_id,
            despite_others=self.despite_others,
        )


class NoteIn(Schema):
    """A note, private unless it is shown to the client."""

    body: str = Field(min_length=1, max_length=20_000)
    show_to_client: bool = False


class AssignIn(Schema):
    """Whom a conversation is given to; null: to nobody. ``despite_claim``: take it from whoever has just claimed it."""

    assignee_id: UUID | None
    despite_claim: bool = False


class SnoozeIn(Schema):
    """Until when a conversation is put away, at most 400 days; null: until they write."""

    until: Instant | None
    seen_revision: int | None = Field(
        None,
        ge=0,
        le=2_147_483_647,
        description="``revision`` that the caller has seen: refused where they wrote since.",
    )


class LinkIn(Schema):
    """Who the counterpart is."""

    lead_id: UUID


class SequenceIn(Schema):
    """What to do with the sequence that the thread belongs to."""

    act: Literal["pause", "resume", "stop", "move", "meeting", "no_meeting", "enter"]
    node_id: str = Field("", max_length=80, description="Of `move`: the step.")
    campaign_id: UUID | None = Field(
        None, description="Of `enter`: the running campaign that the lead is put into; other sequences stop."
    )


class ViewCountOut(Schema):
    """A view and how many conversations are in it; closed ones are not counted."""

    key: ViewName
    label: str
    count: int | None = Field(description="Exact up to 999; 1000 means more.")


def stale_details(new: list[Any]) -> list[dict[str, Any]]:
    """What a refused reply's writer has not seen, as JSON."""
    return [MessageOut.from_orm(message).model_dump(mode="json") for message in new]
