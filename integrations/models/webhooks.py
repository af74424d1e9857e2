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
    #: Attempts before the last replay: it begins anew with as many as a fresh call has.
    forgiven_attempts = models.PositiveIntegerField(default=0, db_default=0)
    replay_count = models.PositiveIntegerField(default=0)
    last_replay_at = models.DateTimeField(null=True)
    #: The ``ReplayRun`` that replayed it last, which says who asked for that.
    last_replay_id = models.UUIDField(null=True)
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
            models.Index(
                fields=["organization", "-received_at", "-id"],
                name="webhook_dead",
                condition=models.Q(state="dead"),
            ),
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


class ReplayRun(OrganizationModel):
    """One replay of stored deliveries: which ones, who asked, and how far it is. Goes through them in the order in
    which they came in.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    requested_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    #: Which deliveries (``integrations.webhook_filters.Filter``), as JSON.
    criteria = models.JSONField(default=dict)
    #: The clients within reach of who asked; null means all of them.
    client_ids = models.JSONField(null=True)
    #: Deliveries that came in later are not part of it.
    until = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    #: Of the done ones: those that told something new, those that failed, and those that could not be replayed.
    changed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    #: The last delivery that is done.
    position_received_at = models.DateTimeField(null=True)
    position_id = models.UUIDField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    #: How often a worker took it up: raised on each claim, so that an outrun worker notices.
    claims = models.PositiveIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)
    error = models.TextField(blank=True)

    class Meta(OrganizationModel.Meta):
        indexes = [
            models.Index(fields=["organization", "-created_at", "-id"], name="replay_run_recent"),
            models.Index(
                fields=["created_at"],
                name="replay_run_open",
                condition=models.Q(state__in=["queued", "running"]),
            ),
        ]

    @property
    def is_open(self) -> bool:
        """Whether it is waiting or going on."""
        return self.state in {self.State.QUEUED, self.State.RUNNING}
