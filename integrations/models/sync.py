"""Pulling the provider's truth: cursors per account and resource, and runs with progress."""

from __future__ import annotations

from django.db import models

from integrations.models.connections import SenderAccount
from project.core.models import OrganizationForeignKey, OrganizationModel


class SyncCursor(OrganizationModel):
    """How far one resource of one account has been read, and how fresh that is."""

    sender = OrganizationForeignKey(SenderAccount, on_delete=models.CASCADE, related_name="cursors")
    #: ``messages`` or ``relations``.
    resource = models.CharField(max_length=24)
    #: Everything up to here has been read.
    read_until = models.DateTimeField(null=True)
    #: Where an unfinished pass stands: ``{"started", "before"}`` as ISO times; empty between passes.
    position = models.JSONField(default=dict)
    #: Where to go on from in the provider's own words, for accounts that are asked for what came in.
    token = models.TextField(blank=True)
    last_success_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    last_error_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["sender", "resource"], name="sync_cursor_once")]


class SyncRun(OrganizationModel):
    """One run of a synchronisation, with progress; at most one per account runs at a time."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    sender = OrganizationForeignKey(SenderAccount, on_delete=models.CASCADE, related_name="sync_runs")
    resource = models.CharField(max_length=24)
    trigger = models.CharField(max_length=24, default="schedule")
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    #: How often a worker took it up: raised on each claim, so that an outrun worker notices.
    claims = models.PositiveIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)
    seen = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    requests = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["sender"],
                condition=models.Q(state__in=["queued", "running"]),
                name="sync_run_one_per_sender",
            )
        ]
        indexes = [models.Index(fields=["organization", "-created_at"], name="sync_run_recent")]
