"""What drills have measured. They concern the installation, not an organization."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from project.core.models import PlainModel


class DrillRun(PlainModel):
    """One drill that was played, with its score."""

    name = models.CharField(max_length=40)
    started_at = models.DateTimeField(default=timezone.now)
    passed = models.BooleanField()
    #: Seconds that it stayed broken; 0 where the installation mends it by itself.
    fault_s = models.FloatField(default=0)
    #: Seconds from the strike until the installation noticed; null if it did not.
    detected_s = models.FloatField(null=True)
    #: Seconds from the mending until all was as in an undisturbed run; null if it never was.
    recovered_s = models.FloatField(null=True)
    lost = models.PositiveIntegerField()
    sent_twice = models.PositiveIntegerField()
    #: Whether it was played on an installation of its own.
    is_throwaway = models.BooleanField(default=False)
    problems = models.JSONField(default=list)

    class Meta:
        indexes = [models.Index(fields=["-started_at", "-id"], name="drill_recent")]
