"""How a team answers: times promised by client, who is at work when, and who gets what."""

from __future__ import annotations

from datetime import datetime, time

from django.db import models

from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


def workdays() -> list[int]:
    """Monday to Friday, as Python numbers weekdays."""
    return [0, 1, 2, 3, 4]


class InboxPolicy(OrganizationModel):
    """What is promised to those who write: of one client, or (``client`` empty) of all that have none of their own."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    #: Minutes of business hours until an answer is late; ``hot`` ones: interested, question, referral.
    reply_minutes = models.PositiveIntegerField(default=240)
    hot_reply_minutes = models.PositiveIntegerField(default=60)
    #: Business hours, in the client's time zone.
    weekdays = models.JSONField(default=workdays)
    opens = models.TimeField(default=time(9))
    closes = models.TimeField(default=time(17))
    #: ISO 3166 country, optionally with a subdivision; empty: no holidays.
    holiday_country = models.CharField(max_length=8, blank=True)
    #: Minutes after which a hot conversation that nobody acted on goes back to the team; 0: never.
    lease_minutes = models.PositiveIntegerField(default=30)
    #: Days without a word of theirs after our answer, after which a conversation closes by itself; 0: never.
    close_after_days = models.PositiveIntegerField(default=0)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client"], name="inbox_policy_once", nulls_distinct=False
            )
        ]


class WorkingHours(OrganizationModel):
    """When a member is at work. Without a row: always, as far as rules are concerned."""

    user = models.ForeignKey("tenancy.User", on_delete=models.CASCADE, related_name="+")
    weekdays = models.JSONField(default=workdays)
    starts = models.TimeField(default=time(9))
    ends = models.TimeField(default=time(17))
    time_zone = models.CharField(max_length=64, default="UTC")
    #: Away: nothing new comes until they are back.
    is_away = models.BooleanField(default=False)
    #: When they are back by themselves; empty: when somebody says so.
    away_until = models.DateTimeField(null=True)
    #: Most open conversations that rules give them; 0: no limit.
    most_open = models.PositiveIntegerField(default=0)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="working_hours_once")]

    def is_away_at(self, moment: datetime) -> bool:
        """Whether they are away then."""
        return self.is_away and (self.away_until is None or moment < self.away_until)


class AssignmentRule(OrganizationModel):
    """Who gets a conversation that nobody has. The first rule that fits and finds somebody wins."""

    class Method(models.TextChoices):
        ROUND_ROBIN = "round_robin", "In turn"
        LOAD = "load", "To whoever has least"
        OWNER = "owner", "To whoever knows them"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    position = models.PositiveIntegerField(default=0)
    #: Empty: all.
    intents = models.JSONField(default=list, blank=True)
    channels = models.JSONField(default=list, blank=True)
    method = models.CharField(max_length=12, choices=Method.choices)
    #: Ids of users among whom to choose; empty: all who may answer the client.
    people = models.JSONField(default=list, blank=True)
    #: Only those at work now; only those who have the product open.
    in_working_hours = models.BooleanField(default=True)
    online_only = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    #: Round robin: who got the last one.
    last_given_to = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(OrganizationModel.Meta):
        ordering = ["position", "id"]
