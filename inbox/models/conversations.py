"""Conversations: one per chat of one sender account, whatever way its messages came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from campaigns.models import Campaign, Enrollment, Lead
from integrations.models import SenderAccount
from integrations.models.connections import Channel
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client

if TYPE_CHECKING:
    from inbox.models.triage import ConversationLabel

#: Somebody wrote in it, or something of ours failed: our own first messages alone are no thread. Most people never
#: answer, so that the indexes of what is shown leave the other conversations out.
SHOWN = models.Q(has_inbound=True) | models.Q(failed_sends__gt=0)


class Conversation(OrganizationModel):
    """A thread with one person through one sender account."""

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        SNOOZED = "snoozed", "Snoozed"
        CLOSED = "closed", "Closed"

    class Priority(models.IntegerChoices):
        NORMAL = 0, "Normal"
        HIGH = 1, "High"
        URGENT = 2, "Urgent"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    sender = OrganizationForeignKey(SenderAccount, on_delete=models.PROTECT, related_name="+")
    channel = models.CharField(max_length=16, choices=Channel.choices)
    #: The chat's id at the provider's API (replies go there) and on the network; a side may be unknown at first.
    chat_id = models.CharField(max_length=200, blank=True)
    provider_chat_id = models.CharField(max_length=200, blank=True)
    lead = OrganizationForeignKey(
        Lead, on_delete=models.SET_NULL, null=True, blank=True, related_name="conversations"
    )
    campaign = OrganizationForeignKey(
        Campaign, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    enrollment = OrganizationForeignKey(
        Enrollment, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: E-mail: the subject of the thread's first message.
    subject = models.CharField(max_length=300, blank=True)
    #: Who the counterpart is, as the network names them (a lead may be missing); the id is the
    #: network's, the e-mail address or the telephone number.
    counterpart_name = models.CharField(max_length=200, blank=True)
    counterpart_id = models.CharField(max_length=160, blank=True)
    #: E-mail: who wrote last, where that is not the counterpart: a colleague who took the thread over.
    answer_address = models.CharField(max_length=254, blank=True, default="")
    answer_name = models.CharField(max_length=200, blank=True, default="")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.OPEN)
    snoozed_until = models.DateTimeField(null=True)
    assignee = models.ForeignKey(
        "tenancy.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: Raised by every change of the thread; the composer sends the number it has seen.
    revision = models.PositiveIntegerField(default=0)
    #: Unread inbound messages, shared by the team.
    unread = models.PositiveIntegerField(default=0)
    has_inbound = models.BooleanField(default=False)
    failed_sends = models.PositiveIntegerField(default=0)
    last_message_at = models.DateTimeField()
    last_inbound_at = models.DateTimeField(null=True)
    last_snippet = models.CharField(max_length=200, blank=True)
    last_inbound = models.BooleanField(default=True)
    closed_at = models.DateTimeField(null=True)
    #: What their last reply means (``campaigns.replies.intents``): read by rules, or said by a person.
    intent = models.CharField(max_length=24, blank=True)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    #: Their first message that nobody has answered yet, when an answer is late, when somebody was told that it soon
    #: will be, and since when it is.
    awaiting_since = models.DateTimeField(null=True)
    sla_due_at = models.DateTimeField(null=True)
    sla_warned_at = models.DateTimeField(null=True)
    sla_breached_at = models.DateTimeField(null=True)
    #: Whoever took a hot conversation has it until then unless they act; after that it goes back to the team.
    lease_expires_at = models.DateTimeField(null=True)
    #: Where its entries went when it was merged: what the provider tells of its chat lands there.
    merged_into = OrganizationForeignKey(
        "inbox.Conversation",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["sender", "chat_id"], name="conversation_chat_once", condition=~models.Q(chat_id="")
            ),
            models.UniqueConstraint(
                fields=["sender", "provider_chat_id"],
                name="conversation_network_chat_once",
                condition=~models.Q(provider_chat_id=""),
            ),
            models.UniqueConstraint(
                fields=["sender", "counterpart_id"],
                name="conversation_new_chat_once",
                condition=models.Q(chat_id="", provider_chat_id="") & ~models.Q(counterpart_id=""),
            ),
        ]
        indexes = [
            # Counts are read from these alone: what they are narrowed by is in them.
            models.Index(
                fields=["organization", "status", "-last_message_at", "-id"],
                name="conversation_shown",
                include=["client"],
                condition=SHOWN,
            ),
            models.Index(
                fields=["organization", "assignee", "status", "-last_message_at", "-id"],
                name="conversation_shown_mine",
                include=["client"],
                condition=SHOWN,
            ),
            models.Index(
                fields=["organization", "-last_message_at", "-id"],
                name="conversation_shown_unread",
                include=["client"],
                condition=models.Q(unread__gt=0, status="open") & SHOWN,
            ),
            models.Index(
                fields=["organization", "-last_message_at", "-id"],
                name="conversation_shown_failed",
                include=["client"],
                condition=models.Q(failed_sends__gt=0) & SHOWN,
            ),
            models.Index(
                fields=["organization", "-last_message_at", "-id"],
                name="conversation_shown_unmatched",
                include=["client"],
                condition=models.Q(lead__isnull=True, status="open") & SHOWN,
            ),
            models.Index(
                fields=["organization", "client", "status", "-last_message_at", "-id"],
                name="conversation_by_client",
            ),
            # The newest replies of a client, on its report.
            models.Index(
                fields=["organization", "client", "-last_inbound_at", "-id"],
                name="conversation_replied",
                condition=models.Q(has_inbound=True),
            ),
            models.Index(fields=["organization", "lead"], name="conversation_by_lead"),
            models.Index(
                fields=["merged_into"],
                name="conversation_merged",
                condition=models.Q(merged_into__isnull=False),
            ),
            models.Index(
                fields=["snoozed_until"], name="conversation_wakes", condition=models.Q(status="snoozed")
            ),
            models.Index(
                fields=["organization", "sla_due_at", "id"],
                name="conversation_due",
                condition=models.Q(status="open", sla_due_at__isnull=False),
            ),
            models.Index(
                fields=["sla_due_at"],
                name="conversation_promises",
                condition=models.Q(status="open", sla_due_at__isnull=False, sla_breached_at__isnull=True),
            ),
            models.Index(
                fields=["lease_expires_at"],
                name="conversation_leases",
                condition=models.Q(lease_expires_at__isnull=False),
            ),
            models.Index(
                fields=["organization", "campaign", "-last_message_at", "-id"],
                name="conversation_shown_campaign",
                condition=SHOWN,
            ),
            models.Index(
                fields=["organization", "sender", "-last_message_at", "-id"],
                name="conversation_shown_sender",
                condition=SHOWN,
            ),
            models.Index(
                fields=["organization", "intent", "-last_message_at", "-id"],
                name="conversation_shown_intent",
                condition=~models.Q(intent="") & SHOWN,
            ),
        ]

    #: Its labels, where ``inbox.querysets.with_labels`` has read them.
    labelled: list[ConversationLabel]
    #: Whether the viewer has notices of it not seen yet, where ``inbox.selectors.visible_conversation`` has read it.
    has_news: bool

    @property
    def title(self) -> str:
        """Whom the thread is with: the lead, else the name the network gives."""
        return self.lead.full_name if self.lead else self.counterpart_name or "Somebody"

    @property
    def answers_to(self) -> str:
        """Where an answer goes: to whoever wrote the newest e-mail, else to the counterpart."""
        return self.answer_address or self.counterpart_id

    def __str__(self) -> str:
        return self.title


class Participant(OrganizationModel):
    """A person in a conversation, as the network names them."""

    conversation = OrganizationForeignKey(Conversation, on_delete=models.CASCADE, related_name="participants")
    name = models.CharField(max_length=200, blank=True)
    provider_id = models.CharField(max_length=160)
    profile_url = models.CharField(max_length=300, blank=True)
    is_self = models.BooleanField(default=False)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["conversation", "provider_id"], name="participant_once"),
        ]


class Assignment(OrganizationModel):
    """History of who had a conversation, and who gave it to them."""

    conversation = OrganizationForeignKey(Conversation, on_delete=models.CASCADE, related_name="assignments")
    assignee = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    assigned_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
