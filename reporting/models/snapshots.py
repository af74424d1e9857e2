"""Metric snapshots of the installation, and where they are exported to. No tenant data: figures only."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from project.core.models import PlainModel


class MetricSnapshot(PlainModel):
    """The installation's figures at one moment, kept whatever becomes of processes and of the export."""

    taken_at = models.DateTimeField(default=timezone.now)
    #: ``schedule``, ``flush``, ``reconciliation``, ``replay``, ...
    reason = models.CharField(max_length=40)
    figures = models.JSONField()
    exported_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["-taken_at", "-id"], name="snapshot_recent"),
            models.Index(
                fields=["taken_at"], name="snapshot_to_export", condition=models.Q(exported_at=None)
            ),
        ]


class MetricSink(PlainModel):
    """Where snapshots are sent, and how that goes. At most one row."""

    #: Always true: the unique constraint allows one row.
    is_only = models.BooleanField(default=True, unique=True, editable=False)
    url = models.CharField(max_length=500)
    #: Encrypted (``project.core.crypto``): ``bearer``.
    credentials = models.TextField(blank=True)
    timeout_seconds = models.PositiveSmallIntegerField(default=5)
    is_on = models.BooleanField(default=True)
    #: Failures in a row, and when it is tried again.
    failures = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    last_ok_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    #: Since when platform staff know that it fails.
    told_at = models.DateTimeField(null=True)
