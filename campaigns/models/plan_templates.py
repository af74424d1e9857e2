"""Plans that an agency keeps to begin campaigns with."""

from __future__ import annotations

from django.db import models

from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class PlanTemplate(OrganizationModel):
    """A plan by a name, for one client or (``client`` empty) for all. Campaigns remember the version they took."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=120)
    #: What it is for.
    note = models.CharField(max_length=300, blank=True)
    #: In UTC; a campaign that takes it has its own time zone.
    plan = models.JSONField()
    #: Counts the changes of the plan.
    version = models.PositiveIntegerField(default=1)
    changed_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client", "name"], name="plan_template_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.name
