"""Tables of the numbered streams: the events, and one counter per organization.

Both carry a plain ``organization_id`` because core knows no organizations; row-level security treats them
like any other tenant table (``project.core.isolation``).
"""

from __future__ import annotations

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from project.core.ids import uuid7


class StreamEvent(models.Model):
    """Something changed that open screens show.

    Inserted without a number by the transaction that changed it (no lock is taken there); numbered after the
    commit by ``project.core.realtime.sequencer``. It says *what* to render again, never how it looked.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField()
    #: Position in the organization's stream, from 1, without gaps; empty until the event has been numbered.
    number = models.BigIntegerField(null=True)
    stream = models.CharField(max_length=120)
    kind = models.CharField(max_length=80)
    subject_type = models.CharField(max_length=60, blank=True)
    subject_id = models.UUIDField(null=True)
    data = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        app_label = "core"
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "number"], name="stream_number_once")
        ]
        indexes = [
            models.Index(
                fields=["organization_id", "id"],
                condition=models.Q(number=None),
                name="stream_event_unnumbered",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} in {self.stream} ({self.number or 'unnumbered'})"

    @property
    def subject(self) -> tuple[str, str] | None:
        """What changed, as ``(type, id)``, or ``None`` when the event is about the stream as a whole."""
        return (self.subject_type, str(self.subject_id)) if self.subject_id else None


class StreamCounter(models.Model):
    """How far an organization's stream has got. The row is also the lock of the sequencer."""

    organization_id = models.UUIDField(primary_key=True)
    #: The highest number given out.
    last_number = models.BigIntegerField(default=0)
    #: The highest number whose frames were handed to Redis.
    published_number = models.BigIntegerField(default=0)
    #: The highest number that was deleted by ``trim``; a cursor below it cannot be caught up.
    trimmed_number = models.BigIntegerField(default=0)

    class Meta:
        app_label = "core"

    def __str__(self) -> str:
        return f"{self.organization_id}: {self.published_number} of {self.last_number} published"
