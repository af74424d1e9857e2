"""What people keep of reports: filters under a name, and what happened on a day."""

from __future__ import annotations

from django.db import models

from campaigns.models import Campaign
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class SavedReport(OrganizationModel):
    """A report with its filters under a name: of its owner, or shared with everybody who sees the client's reports."""

    owner = models.ForeignKey("tenancy.User", on_delete=models.CASCADE, related_name="+")
    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    #: Empty: the client's report.
    campaign = OrganizationForeignKey(
        Campaign, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    name = models.CharField(max_length=60)
    is_shared = models.BooleanField(default=False)
    #: The filters as an address names them (``reporting.filters``).
    query = models.CharField(max_length=300, blank=True)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["client", "owner", "name"], name="saved_report_once")]
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class ReportNote(OrganizationModel):
    """What happened on a day, for whoever looks at a client's charts; also the client's own people."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    #: Empty: it concerns all campaigns of the client.
    campaign = OrganizationForeignKey(
        Campaign, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    #: A day of the client's time zone.
    day = models.DateField()
    text = models.CharField(max_length=200)
    author = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(OrganizationModel.Meta):
        indexes = [models.Index(fields=["client", "day"], name="report_note_by_day")]

    def __str__(self) -> str:
        return self.text
