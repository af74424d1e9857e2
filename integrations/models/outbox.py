"""The outbox: every intended send is a row before anything leaves."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from integrations.models.connections import Channel, SenderAccount
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class OutboundMessage(OrganizationModel):
    """One intended send: intent (this row), attempt (``SendAttempt``), receipt (provider ids)."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        SENDING = "sending", "Sending"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"
        UNKNOWN = "unknown", "Unknown, asking the provider"
        CANCELLED = "cancelled", "Cancelled"

    class Origin(models.TextChoices):
        CAMPAIGN = "campaign", "Campaign"
        REPLY = "reply", "Reply by a person"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    sender = OrganizationForeignKey(SenderAccount, on_delete=models.PROTECT, related_name="outbox")
    channel = models.CharField(max_length=16, choices=Channel.choices)
    #: ``invite``, ``message``, ``profile_view``, ...
    action = models.CharField(max_length=24)
    origin = models.CharField(max_length=16, choices=Origin.choices)
    #: ``tenant:contact:campaign:node:channel:visit``, or ``reply:<conversation>:<client token>``.
    dedupe_key = models.CharField(max_length=250)
    #: References upward carry no constraint: integrations does not know these tables.
    lead_id = models.UUIDField(null=True)
    campaign_id = models.UUIDField(null=True)
    enrollment_id = models.UUIDField(null=True)
    node_id = models.CharField(max_length=80, blank=True)
    conversation_id = models.UUIDField(null=True)
    author = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    #: Which visit of the node, and which of its variants; empty where people write.
    visit = models.PositiveIntegerField(default=1)
    variant_id = models.CharField(max_length=80, blank=True)
    #: The recipient's id on the network, public identifier, and the chat if one is known; ``email`` or ``phone``
    #: on these channels.
    recipient = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    #: What else leaves besides ``body``. E-mail: ``subject``, ``html``, ``headers``, ``message_id`` (RFC 5322),
    #: ``in_reply_to``, ``references``, ``track_opens``, ``track_clicks``, ``ip_pool``. SMS: ``segments``.
    #: ``files``: ids of what ``services.outgoing.files_of`` loads.
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    not_before = models.DateTimeField(default=timezone.now)
    claimed_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    #: The units that are held for it, as ``rates.Reserved.reservation``; null when none are.
    reservation = models.JSONField(null=True)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    #: The receipt. ``message_id`` and ``chat_id`` are the provider's own ids, ``provider_...`` the network's.
    message_id = models.CharField(max_length=200, blank=True)
    provider_message_id = models.CharField(max_length=200, blank=True)
    chat_id = models.CharField(max_length=200, blank=True)
    provider_chat_id = models.CharField(max_length=200, blank=True)
    invitation_id = models.CharField(max_length=200, blank=True)
    #: Set on ``sent`` where nothing had to leave: ``connected``, ``invited`` or ``done`` before.
    already = models.CharField(max_length=16, blank=True)
    #: Why it waits although it is due, e.g. ``kill_switch``, ``limit``, with a sentence.
    hold_code = models.CharField(max_length=40, blank=True)
    hold_reason = models.CharField(max_length=300, blank=True)
    error_kind = models.CharField(max_length=40, blank=True)
    error_detail = models.TextField(blank=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organization", "dedupe_key"], name="outbound_once"),
            # One write in flight per account, by the database itself.
            models.UniqueConstraint(
                fields=["sender"], condition=models.Q(state="sending"), name="outbound_one_in_flight"
            ),
        ]
        indexes = [
            models.Index(
                fields=["not_before", "id"],
                name="outbound_due",
                condition=models.Q(state__in=["queued", "sending", "unknown"]),
            ),
            models.Index(fields=["organization", "lead_id"], name="outbound_by_lead"),
            # Who was sent which wording of a step is counted from this alone.
            models.Index(
                fields=["organization", "campaign_id", "node_id", "variant_id", "enrollment_id"],
                name="outbound_by_variant",
                condition=models.Q(state="sent") & ~models.Q(variant_id=""),
            ),
            models.Index(
                fields=["organization", "sender", "provider_message_id"], name="outbound_by_provider_id"
            ),
            models.Index(fields=["organization", "sender", "message_id"], name="outbound_by_message_id"),
            models.Index(
                fields=["sender", "not_before", "id"],
                name="outbound_by_sender",
                condition=models.Q(state__in=["queued", "sending", "unknown"]),
            ),
        ]


class SendAttempt(OrganizationModel):
    """One try to hand an outbox row to the provider: written and committed before the call."""

    class State(models.TextChoices):
        STARTED = "started", "Started"
        ACCEPTED = "accepted", "Accepted"
        REFUSED = "refused", "Refused"
        AMBIGUOUS = "ambiguous", "Ambiguous"
        SETTLED_SENT = "settled_sent", "Settled: it left"
        SETTLED_NOT_SENT = "settled_not_sent", "Settled: it did not leave"

    outbound = OrganizationForeignKey(OutboundMessage, on_delete=models.CASCADE, related_name="send_attempts")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=20, choices=State.choices, default=State.STARTED)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    settle_after = models.DateTimeField(null=True)
    settle_tries = models.PositiveIntegerField(default=0)
    error_kind = models.CharField(max_length=40, blank=True)
    #: What an ambiguous refusal is worth once settlement finds that nothing left (``ErrorKind``).
    if_not_sent = models.CharField(max_length=40, blank=True)
    detail = models.TextField(blank=True)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["outbound", "number"], name="send_attempt_once")]
