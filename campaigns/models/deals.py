"""What a client's sales make of a lead: a deal, its value, and how it ended."""

from __future__ import annotations

from django.db import models

from campaigns.models.leads import Lead
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class Deal(OrganizationModel):
    """The deal with a lead; there is one at a time."""

    class Stage(models.TextChoices):
        OPEN = "open", "Open"
        WON = "won", "Won"
        LOST = "lost", "Lost"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    lead = OrganizationForeignKey(Lead, on_delete=models.CASCADE, related_name="deals")
    stage = models.CharField(max_length=8, choices=Stage.choices, default=Stage.OPEN)
    #: What it is worth, in ``currency`` (ISO 4217); unknown: empty.
    value = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(max_length=3, blank=True)
    meeting_on = models.DateField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["lead"], name="deal_once")]

    def __str__(self) -> str:
        return self.get_stage_display()
