"""What the engine keeps for itself: lanes, which are what workers claim, and whether the scheduler runs."""

from __future__ import annotations

from django.db import models

from integrations.models import SenderAccount
from project.core.models import OrganizationForeignKey, OrganizationModel, PlainModel


class EngineLane(OrganizationModel):
    """The queue of one sender's due actions; workers lease lanes, so that no two work for one sender at once.

    Without a sender it is the lane of the organization's actions that have none.
    """

    sender = OrganizationForeignKey(SenderAccount, on_delete=models.CASCADE, null=True, related_name="+")
    claimed_until = models.DateTimeField(null=True)
    claimed_by = models.CharField(max_length=80, blank=True)
    #: The lane that was served longest ago is served next.
    served_at = models.DateTimeField(null=True)
    #: How many workers in a row died with it: fewer of its actions are taken each time.
    crashes = models.PositiveSmallIntegerField(default=0)
    #: What is overdue leaves one after the other: not before this.
    next_slot_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "sender"], name="engine_lane_once", nulls_distinct=False
            )
        ]


class EngineSettings(OrganizationModel):
    """An organization's own settings of the engine; without a row the defaults hold."""

    is_running = models.BooleanField(default=True)
    #: Why it was stopped, and who did it or started it again.
    reason = models.CharField(max_length=200, blank=True)
    changed_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    #: How old an inbox may be before follow-ups wait; empty: ``settings.FRESH_INBOX_MINUTES``; 0: never wait.
    fresh_minutes = models.PositiveSmallIntegerField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["organization"], name="engine_settings_once")]


class SchedulerState(PlainModel):
    """Whether the scheduler of the whole installation runs, and when it last ticked. One row."""

    name = models.CharField(max_length=16, unique=True, default="engine", editable=False)
    is_running = models.BooleanField(default=True)
    reason = models.CharField(max_length=200, blank=True)
    changed_by = models.CharField(max_length=120, blank=True)
    last_tick_at = models.DateTimeField(null=True)
    last_worker = models.CharField(max_length=80, blank=True)
    #: Actions that the last tick took and got done.
    last_claimed = models.PositiveIntegerField(default=0)
    last_done = models.PositiveIntegerField(default=0)
