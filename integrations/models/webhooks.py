"""Raw inbound calls: stored before they are parsed."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from integrations.models.connections import Connection
from project.core.ids import uuid7
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.core.partitions import PartitionedByReceipt


class WebhookDelivery(PartitionedByReceipt, OrganizationModel):
    """One raw inbound HTTP call from a provider, with what became of it. Partitioned by month."""

    class State(models.TextChoices):
        RECEIVED = "received", "Received"
        PROCESSING = "processing", "Processing"
        PROCESSED = "processed", "Processed"
        IGNORED = "ignored", "Ignored"
        REJECTED = "rejected", "Rejected"
        FAILED = "failed", "Failed, will retry"
        DEAD = "dead", "Dead"

    pk = models.CompositePrimaryKey("received_at", "id")
    id = models.UUIDField(default=uuid7, editable=False)
    received_at = models.DateTimeField(default=timezone.now, editable=False)
    #: No database constraint: deliveries outlive a deleted connection.
    connection_id = models.UUIDField(null=True)
    provider = models.CharField(max_length=32)
    event_type = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.RECEIVED)
    reason = models.CharField(max_length=300, blank=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    #: Bytes of the whole body; ``body`` holds fewer where an oversize call was cut.
    size = models.PositiveIntegerField(default=0)
    payload_hash = models.CharField(max_length=64)
    #: How often the very same call came again.
    duplicates = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    claimed_until = models.DateTimeField(null=True)
    processed_at = models.DateTimeField(null=True)
    replay_count = models.PositiveIntegerField(default=0)
    last_replay_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    #: What it changed, for the operations page: a list of ``{event, outcome, conversation_id,
    #: enrollment_id}``.
    outcome = models.JSONField(default=list)

    class Meta(OrganizationModel.Meta):
        indexes = [
            models.Index(fields=["organization", "-received_at", "-id"], name="webhook_recent"),
            models.Index(
                fields=["not_before"],
                name="webhook_due",
                condition=models.Q(state__in=["received", "processing", "failed"]),
            ),
            models.Index(fields=["id"], name="webhook_by_id"),
        ]


class WebhookKey(OrganizationModel):
    """The idempotency key of a delivery: one row per distinct call (unique; partitions cannot hold it)."""

    connection = OrganizationForeignKey(
        Connection, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    key = models.CharField(max_length=200)
    delivery_id = models.UUIDField()
    delivery_received_at = models.DateTimeField()

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["connection", "key"], name="webhook_key_once")]
