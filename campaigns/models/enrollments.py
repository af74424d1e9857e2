"""A lead in a campaign: where it is, what is due, and why everything happened."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from campaigns.models.campaigns import Campaign, PlanMigration, PlanVersion
from campaigns.models.leads import Lead
from integrations.models import SenderAccount
from integrations.models.connections import Channel
from project.core.isolation import AppendOnly
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class Enrollment(OrganizationModel):
    """One lead in one campaign. ``state`` is the pure interpreter's state (``campaigns.plans.interpreter``)."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Running"
        PAUSED = "paused", "Paused"
        ENDED = "ended", "Ended"

    class Stage(models.TextChoices):
        """Lead lifecycle (mission C7)."""

        PENDING = "pending", "Pending"
        INVITED = "invited", "Invited"
        CONNECTED = "connected", "Connected"
        MESSAGED = "messaged", "Messaged"
        REPLIED = "replied", "Replied"
        MEETING = "meeting", "Meeting"
        COMPLETED = "completed", "Completed"
        STOPPED = "stopped", "Stopped"
        BOUNCED = "bounced", "Bounced"
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
        ERROR = "error", "Error"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    campaign = OrganizationForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="enrollments", db_index=False
    )  # the unique constraint's index serves
    plan_version = OrganizationForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    lead = OrganizationForeignKey(Lead, on_delete=models.CASCADE, related_name="enrollments")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    stage = models.CharField(max_length=16, choices=Stage.choices, default=Stage.PENDING)
    #: Where the lead was before somebody marked a meeting; empty where nobody has.
    stage_before_meeting = models.CharField(
        max_length=16, choices=Stage.choices, blank=True, default="", db_default=""
    )
    reason = models.CharField(max_length=300, blank=True)
    state = models.JSONField(default=dict)
    node_id = models.CharField(max_length=80, blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["campaign", "lead"], name="enrollment_once")]
        indexes = [
            models.Index(fields=["organization", "lead"], name="enrollment_by_lead"),
            models.Index(fields=["campaign", "status", "stage"], name="enrollment_by_stage"),
            models.Index(fields=["campaign", "-created_at", "-id"], name="enrollment_recent"),
        ]


class EnrollmentSender(OrganizationModel):
    """Who writes to the lead of an enrollment on one channel. Sticky: only a stated hand-over changes it."""

    enrollment = OrganizationForeignKey(Enrollment, on_delete=models.CASCADE, related_name="sender_links")
    channel = models.CharField(max_length=16, choices=Channel.choices)
    #: Steps that name an account (``account:<it>``) or a pool (``pool:<name>``) have a sender of their own.
    choice = models.CharField(max_length=80, blank=True)
    sender = OrganizationForeignKey(SenderAccount, on_delete=models.PROTECT, related_name="enrollment_links")
    #: Why this one, in plain words.
    reason = models.CharField(max_length=200)
    assigned_at = models.DateTimeField(default=timezone.now)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["enrollment", "channel", "choice"], name="enrollment_sender_once")
        ]
        ordering = ["assigned_at", "id"]


class ScheduledAction(OrganizationModel):
    """What is due when for one enrollment: the only clock of the engine."""

    class Kind(models.TextChoices):
        SEND = "send", "Send"
        TIMER = "timer", "Timer"

    class State(models.TextChoices):
        DUE = "due", "Due"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    enrollment = OrganizationForeignKey(
        Enrollment, on_delete=models.CASCADE, related_name="actions", db_index=False
    )  # the unique constraint's index serves
    campaign = OrganizationForeignKey(Campaign, on_delete=models.CASCADE, related_name="+")
    sender = OrganizationForeignKey(SenderAccount, on_delete=models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    node_id = models.CharField(max_length=80)
    visit = models.PositiveIntegerField(default=1)
    #: Timers: what the interpreter armed (event and transition).
    detail = models.JSONField(default=dict)
    #: ``<node>:<visit>:<kind>[:<event>]`` within the enrollment.
    dedupe_key = models.CharField(max_length=200)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.DUE)
    #: How often it could not be done for a fault of this program.
    attempts = models.PositiveIntegerField(default=0)
    #: Why it waits (the binding gate), in plain words, and the machine code of the gate.
    held_by = models.CharField(max_length=40, blank=True)
    held_reason = models.CharField(max_length=300, blank=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["enrollment", "dedupe_key"], name="scheduled_action_once")
        ]
        indexes = [
            # Claims go by organization, then by sender, so that a busy one never starves the others.
            models.Index(
                fields=["organization", "sender", "due_at", "id"],
                name="action_by_lane",
                condition=models.Q(state="due"),
            ),
            models.Index(
                fields=["campaign", "due_at"], name="action_by_campaign", condition=models.Q(state="due")
            ),
        ]


class Transition(AppendOnly, OrganizationModel):
    """One step of an enrollment's history: from, to, cause, reason. Append-only."""

    client_id = models.UUIDField()
    enrollment = OrganizationForeignKey(Enrollment, on_delete=models.CASCADE, related_name="transitions")
    lead_id = models.UUIDField()
    occurred_at = models.DateTimeField(default=timezone.now)
    from_node = models.CharField(max_length=80, blank=True)
    to_node = models.CharField(max_length=80, blank=True)
    #: ``event``, ``timer``, ``person``, ``rule`` or ``engine``, and its id or name.
    cause = models.CharField(max_length=16)
    cause_ref = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=300)

    class Meta(OrganizationModel.Meta):
        indexes = [models.Index(fields=["organization", "lead_id", "occurred_at"], name="transition_by_lead")]


class PlanMigrationItem(OrganizationModel):
    """One enrollment that a migration put onto the new version: what it was, and what it was right after."""

    migration = OrganizationForeignKey(
        PlanMigration, on_delete=models.CASCADE, related_name="items", db_index=False
    )  # the unique constraint's index serves
    enrollment = OrganizationForeignKey(Enrollment, on_delete=models.CASCADE, related_name="+")
    version = OrganizationForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["migration", "enrollment"], name="plan_migration_item_once")
        ]
