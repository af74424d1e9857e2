"""The ledger of normalised provider facts, whatever way they came."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from integrations.models.connections import SenderAccount
from project.core.ids import uuid7
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.core.partitions import PartitionedByRecord


class ProviderEvent(PartitionedByRecord, OrganizationModel):
    """One normalised fact (message received, connection accepted, ...). Append-mostly, partitioned by
    month.
    """

    class Source(models.TextChoices):
        WEBHOOK = "webhook", "Webhook"
        POLL = "poll", "Poll"
        HISTORY = "history", "History"
        SEND = "send", "Our send"

    pk = models.CompositePrimaryKey("recorded_at", "id")
    id = models.UUIDField(default=uuid7, editable=False)
    recorded_at = models.DateTimeField(default=timezone.now, editable=False)
    occurred_at = models.DateTimeField()
    sender_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=40)
    source = models.CharField(max_length=16, choices=Source.choices)
    delivery_id = models.UUIDField(null=True)
    dedupe_key = models.CharField(max_length=200)
    #: The normalised event (``integrations.events``), JSON.
    payload = models.JSONField()
    #: What each room did with it: ``{"campaigns": "...", "inbox": "..."}``.
    outcome = models.JSONField(default=dict)

    class Meta(OrganizationModel.Meta):
        indexes = [
            models.Index(fields=["organization", "sender_id", "-occurred_at"], name="event_by_sender"),
            models.Index(fields=["id"], name="event_by_id"),
        ]


class ProviderEventKey(OrganizationModel):
    """The idempotency key of a fact: the same fact by webhook, poll and history is applied once."""

    sender = OrganizationForeignKey(SenderAccount, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=200)
    event_id = models.UUIDField()

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["sender", "key"], name="provider_event_once")]
