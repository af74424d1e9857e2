"""Days on which nothing is sent, besides public holidays: of an organization, a client or one campaign."""

from __future__ import annotations

from django.db import models

from campaigns.models.campaigns import Campaign
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class OwnHoliday(OrganizationModel):
    """One day off. Without a client it holds for the whole organization, without a campaign for all of the client's.

    The days that hold for a campaign are kept on it (``Campaign.own_holidays``), so that the engine reads one row.
    """

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    campaign = OrganizationForeignKey(
        Campaign, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    day = models.DateField()
    name = models.CharField(max_length=80, blank=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client", "campaign", "day"],
                name="own_holiday_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return self.name or self.day.isoformat()
