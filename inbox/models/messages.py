"""What is in a thread: messages, private notes, system lines. One sequence orders them."""

from __future__ import annotations

from django.db import models

from inbox.models.conversations import Conversation
from integrations.models import OutboundMessage, SenderAccount
from project.core.models import OrganizationForeignKey, OrganizationModel


class Message(OrganizationModel):
    """One message of a conversation, inbound or outbound."""

    class Direction(models.TextChoices):
        INBOUND = "inbound", "From them"
        OUTBOUND = "outbound", "From us"
        UNKNOWN = "unknown", "Nobody can tell"

    class State(models.TextChoices):
        """Delivery of an outbound message; inbound ones are ``received``."""

        RECEIVED = "received", "Received"
        QUEUED = "queued", "Queued"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        SEEN = "seen", "Seen"
        FAILED = "failed", "Not sent"
        UNKNOWN = "unknown", "Not known yet"
        WITHDRAWN = "withdrawn", "Taken back before it left"
        GIVEN_UP = "given_up", "Not sent, and nobody tries again"

    class Timing(models.TextChoices):
        """Why a reply waits although nothing is in its way."""

        NOW = "", "Leaves at once"
        UNDO = "undo", "May be taken back for some seconds"
        SCHEDULED = "scheduled", "Leaves at a chosen time"

    conversation = OrganizationForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    #: Position of the change in the conversation; see ``Conversation.revision``.
    revision = models.PositiveIntegerField()
    direction = models.CharField(max_length=10, choices=Direction.choices)
    state = models.CharField(max_length=12, choices=State.choices)
    #: The provider's own message id (webhook ``provider_message_id``); empty until our send is confirmed.
    provider_message_id = models.CharField(max_length=200, blank=True)
    #: The provider API's id of the message, which differs from the network's.
    api_message_id = models.CharField(max_length=200, blank=True)
    outbound = OrganizationForeignKey(
        OutboundMessage, on_delete=models.SET_NULL, null=True, blank=True, related_name="messages"
    )
    #: Made by the browser; the same token is the same reply (double clicks, retries).
    client_token = models.UUIDField(null=True)
    author = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    sender_name = models.CharField(max_length=200, blank=True)
    #: E-mail of theirs: the address that it was written from, which is answered; empty where a machine wrote it.
    sender_address = models.CharField(max_length=254, blank=True, default="")
    #: E-mail.
    subject = models.CharField(max_length=300, blank=True)
    body = models.TextField(blank=True)
    #: E-mail: the HTML as received, made harmless when it was stored (``inbox.mail_html``); empty where the text says
    #: it all. ``quoted`` is what the plain text quotes, ``remote_images`` how many pictures elsewhere the HTML names.
    html = models.TextField(blank=True)
    quoted = models.TextField(blank=True)
    remote_images = models.PositiveSmallIntegerField(default=0)
    #: E-mail: other recipients (To and Cc), as addresses.
    copied_to = models.JSONField(default=list)
    #: E-mail of ours: whom the others do not see.
    blind_copied_to = models.JSONField(default=list)
    #: Of a reply: when it may leave at the earliest, and why not at once.
    leaves_at = models.DateTimeField(null=True)
    #: When somebody last said that it shall leave: what they write later calls it off.
    decided_at = models.DateTimeField(null=True)
    timing = models.CharField(max_length=12, choices=Timing.choices, blank=True, default=Timing.NOW)
    #: The canned reply that it was made of.
    canned_id = models.UUIDField(null=True)
    #: ``[{"file_id", "name", "mime_type", "size", "kind"}]``: what ``MessageFile`` holds, so that a thread needs no
    #: query for it.
    attachments = models.JSONField(default=list)
    #: ``[{"value": "👍", "by": "name", "ours": false}]``
    reactions = models.JSONField(default=list)
    #: Campaign step that sent it, if any: enrollment and node.
    enrollment_id = models.UUIDField(null=True)
    node_id = models.CharField(max_length=80, blank=True)
    step_label = models.CharField(max_length=80, blank=True)
    #: Provider-run campaigns: the step that sent it, from 1; of a reply, the step that it answers.
    sequence_step_number = models.PositiveSmallIntegerField(null=True)
    #: How the provider stated the direction (``is_sender``), kept raw (mission P6).
    direction_raw = models.CharField(max_length=40, blank=True)
    failure = models.CharField(max_length=300, blank=True)
    occurred_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "provider_message_id"],
                name="message_once",
                condition=~models.Q(provider_message_id=""),
            ),
            models.UniqueConstraint(
                fields=["conversation", "client_token"], name="message_client_token_once"
            ),
        ]
        indexes = [
            models.Index(fields=["conversation", "-occurred_at", "-id"], name="message_in_thread"),
            models.Index(fields=["conversation", "revision"], name="message_revision"),
            models.Index(fields=["organization", "-occurred_at"], name="message_newest"),
            models.Index(
                fields=["organization", "leaves_at", "id"],
                name="message_scheduled",
                condition=models.Q(state="queued", timing="scheduled", leaves_at__isnull=False),
            ),
        ]


class Note(OrganizationModel):
    """A note of a person in a thread; never sent, and the team's own unless it is shown to the client."""

    conversation = OrganizationForeignKey(Conversation, on_delete=models.CASCADE, related_name="notes")
    revision = models.PositiveIntegerField()
    author = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    body = models.TextField()
    #: Who is mentioned: ``[{"id", "name"}]``, as they were called then; without an id: everybody who reads it.
    mentions = models.JSONField(default=list)
    #: Kept in sight beside the thread until somebody takes it down.
    pinned_at = models.DateTimeField(null=True)
    #: Since when the client's own people see it beside the reply; empty: only the team does.
    shown_to_client_at = models.DateTimeField(null=True)


class SystemLine(OrganizationModel):
    """A line that says what happened around the thread: assigned, closed, sequence stopped."""

    conversation = OrganizationForeignKey(Conversation, on_delete=models.CASCADE, related_name="system_lines")
    revision = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    text = models.CharField(max_length=300)
    #: A moment that the text ends with, for each viewer to read in their own zone.
    until = models.DateTimeField(null=True)
    occurred_at = models.DateTimeField()


class PendingChange(OrganizationModel):
    """A receipt, reaction, edit or deletion that came before its message; applied when the message is stored."""

    sender = OrganizationForeignKey(SenderAccount, on_delete=models.CASCADE, related_name="+")
    #: One of the message's ids, the provider's or the network's, or ``send:<outbox id>``.
    message_ref = models.CharField(max_length=200)
    event = models.JSONField()

    class Meta(OrganizationModel.Meta):
        indexes = [models.Index(fields=["sender", "message_ref"], name="pending_change_ref")]
