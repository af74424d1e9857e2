"""Pulling the provider's truth: cursors per account and resource, and runs with progress."""

from __future__ import annotations

from django.db import models

from integrations.models.connections import Connection, SenderAccount
from project.core.models import OrganizationForeignKey, OrganizationModel


class SyncCursor(OrganizationModel):
    """How far one resource of one account has been read, and how fresh that is."""

    sender = OrganizationForeignKey(SenderAccount, on_delete=models.CASCADE, related_name="cursors")
    #: ``messages``, ``relations`` or ``chats``.
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
    #: Why the provider gives out less than everything, in its adapter's words; no error.
    note = models.CharField(max_length=300, blank=True)

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
    #: Of a run over a window: ``since`` is in it, ``until`` is not.
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    #: Where a run that goes on by itself stands; a restart goes on there.
    position = models.JSONField(default=dict)
    #: How many records there are, as far as somebody counted before.
    expected = models.PositiveIntegerField(null=True)
    #: What it came to besides the counters, and what it was limited to, in the words of its reader.
    scope = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
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


class LedgerDay(OrganizationModel):
    """The zero-drop ledger of one account and day (UTC): what the provider lists, and where it is here."""

    sender = OrganizationForeignKey(SenderAccount, on_delete=models.CASCADE, related_name="ledger")
    day = models.DateField()
    #: Messages that the provider lists for the day, and how many of them are stored here.
    listed = models.PositiveIntegerField()
    stored = models.PositiveIntegerField()
    #: Of all that is stored for the day: in a lead's conversation, at the unmatched desk, and not shown at all
    #: (advertisements, system lines).
    matched = models.PositiveIntegerField()
    unmatched = models.PositiveIntegerField()
    hidden = models.PositiveIntegerField(default=0)
    #: Stored here and no longer listed: deleted at the provider. No drop.
    extra = models.PositiveIntegerField(default=0)
    checked_at = models.DateTimeField()

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["sender", "day"], name="ledger_day_once")]
        indexes = [models.Index(fields=["organization", "-day", "-id"], name="ledger_day_recent")]

    @property
    def missing(self) -> int:
        """How many messages the provider lists and we do not have."""
        return self.listed - self.stored


class LedgerIncident(OrganizationModel):
    """Messages of one account and day that the provider has and we do not. Open until a count finds none."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        HEALED = "healed", "Healed"

    sender = OrganizationForeignKey(SenderAccount, on_delete=models.CASCADE, related_name="ledger_incidents")
    day = models.DateField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    missing = models.PositiveIntegerField()
    #: Some of them, as ``{"at", "who", "text"}``.
    samples = models.JSONField(default=list)
    opened_at = models.DateTimeField()
    healed_at = models.DateTimeField(null=True)
    #: How often a back-fill of the day was tried.
    attempts = models.PositiveIntegerField(default=0)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["sender", "day"], condition=models.Q(state="open"), name="ledger_incident_one_open"
            )
        ]
        indexes = [
            models.Index(fields=["organization", "state", "-opened_at"], name="ledger_incident_open"),
        ]


class ReconciliationReport(OrganizationModel):
    """One comparison of a connection with ours: campaigns, leads and messages. At most one at a time runs.

    It is the job as well: claimed with a lease, ``claims`` is the fence, ``position`` where a restart goes on.
    """

    class Mode(models.TextChoices):
        DRY_RUN = "dry_run", "Dry run"
        APPLY = "apply", "Apply"

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    connection = OrganizationForeignKey(Connection, on_delete=models.CASCADE, related_name="reconciliations")
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.DRY_RUN)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    trigger = models.CharField(max_length=24, default="person")
    requested_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    #: Names of what is compared, in this order.
    parts = models.JSONField(default=list)
    #: Of messages: from when on.
    since = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    claims = models.PositiveIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)
    #: ``{"part": name, "at": where it stands in it}``.
    position = models.JSONField(default=dict)
    #: How often in a row the provider could not be asked, and when it goes on after that.
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    seen = models.PositiveIntegerField(default=0)
    requests = models.PositiveIntegerField(default=0)
    #: Part -> ``created``, ``updated``, ``unchanged``, ``missing``, ``errors``.
    counts = models.JSONField(default=dict)
    #: Part -> what of it -> some sentences.
    samples = models.JSONField(default=dict)
    #: Sentences about what could not be compared.
    notes = models.JSONField(default=list)
    error = models.TextField(blank=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=models.Q(state__in=["queued", "running"]),
                name="reconciliation_one_per_connection",
            )
        ]
        indexes = [models.Index(fields=["organization", "-created_at", "-id"], name="reconciliation_recent")]
