"""Large exports: files that are written in the background, part by part, and can be fetched for a while."""

from __future__ import annotations

from django.db import models

from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class ExportJob(OrganizationModel):
    """A CSV file that somebody asked for. What was written stays when a worker dies; the next goes on behind it."""

    class Kind(models.TextChoices):
        ROWS = "rows", "Rows behind a number"
        EVENTS = "events", "Every event"
        CONVERSATIONS = "conversations", "Conversations"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Being written"
        DONE = "done", "Ready"
        FAILED = "failed", "Failed"

    owner = models.ForeignKey("tenancy.User", on_delete=models.CASCADE, related_name="+")
    #: Empty: of all clients within the owner's reach.
    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    #: The filters, as an address names them (``reporting.selectors_rows``).
    query = models.CharField(max_length=1000, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    rows_total = models.PositiveIntegerField(null=True)
    rows_done = models.PositiveIntegerField(default=0)
    #: Bytes of the file so far.
    size = models.PositiveBigIntegerField(default=0)
    #: Behind which row it goes on.
    cursor = models.CharField(max_length=300, blank=True)
    error = models.CharField(max_length=300, blank=True)
    claimed_until = models.DateTimeField(null=True)
    #: How often somebody began since the last part.
    tries = models.PositiveSmallIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    #: The file is removed then.
    expires_at = models.DateTimeField()

    class Meta(OrganizationModel.Meta):
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="export_job_recent"),
            models.Index(fields=["expires_at"], name="export_job_expiring"),
            models.Index(
                fields=["updated_at"],
                name="export_job_unfinished",
                condition=models.Q(state__in=["waiting", "running"]),
            ),
        ]

    @property
    def is_unfinished(self) -> bool:
        """Whether it is still to be written."""
        return self.state in {self.State.WAITING, self.State.RUNNING}


class ExportPart(OrganizationModel):
    """Some thousand lines of a file, compressed (gzip)."""

    job = OrganizationForeignKey(ExportJob, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="export_part_once")]
