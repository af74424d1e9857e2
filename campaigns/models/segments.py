"""What people keep of the table of leads: segments (filters under a name) and the columns they chose."""

from __future__ import annotations

from django.db import models

from project.core.models import OrganizationModel


class LeadSegment(OrganizationModel):
    """Filters of the table under a name: of its owner, or shared with everybody who sees leads.

    Who belongs to it is found anew each time it is opened.
    """

    owner = models.ForeignKey("tenancy.User", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=60)
    is_shared = models.BooleanField(default=False)
    #: The parameters of the table's address (``campaigns.lead_filters``), in their normal form.
    query = models.CharField(max_length=1000)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organization", "owner", "name"], name="lead_segment_once")
        ]
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class LeadColumns(OrganizationModel):
    """The columns of the table of leads that a person chose."""

    owner = models.ForeignKey("tenancy.User", on_delete=models.CASCADE, related_name="+")
    #: Keys of ``campaigns.lead_columns.COLUMNS``, and ``field:<name>`` of custom fields.
    columns = models.JSONField(default=list)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["organization", "owner"], name="lead_columns_once")]
