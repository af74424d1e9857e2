"""Imports of leads from files: upload, mapping, preview, run, errors."""

from __future__ import annotations

from django.db import models

from campaigns.models.lead_acts import LeadAct
from campaigns.models.leads import Lead
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


def import_path(instance: LeadImport, filename: str) -> str:
    """Where an uploaded file is kept: by organization and import, never under the name the user gave."""
    suffix = "xlsx" if instance.encoding == "xlsx" else "csv"
    return f"imports/{instance.organization_id}/{instance.id}.{suffix}"


class LeadImport(OrganizationModel):
    """One uploaded file and what became of its rows."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", "Uploaded"
        PREVIEWING = "previewing", "Checking the rows"
        PREVIEWED = "previewed", "Ready to import"
        RUNNING = "running", "Importing"
        DONE = "done", "Imported"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    uploaded_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    file = models.FileField(upload_to=import_path, max_length=300)
    file_name = models.CharField(max_length=200)
    #: Of the text; ``xlsx`` for spreadsheets, which have no delimiter either.
    encoding = models.CharField(max_length=40, blank=True)
    delimiter = models.CharField(max_length=1, blank=True)
    #: Column headers as found, made unique.
    headers = models.JSONField(default=list)
    #: ``{column index as text: field}``; fields are first_name, last_name, linkedin, email, ..., custom:<name>, skip.
    mapping = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=State.choices, default=State.UPLOADED)
    error = models.TextField(blank=True)
    rows_total = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    #: Preview and result counts: create, update, duplicate, suppressed, invalid.
    counts = models.JSONField(default=dict)
    #: First rows as they would be imported, for the preview.
    sample = models.JSONField(default=list)
    claimed_until = models.DateTimeField(null=True)
    #: How often a worker took it; whoever holds an older number has lost it.
    claims = models.PositiveIntegerField(default=0)
    #: How often it broke in a row, in a way that nobody foresaw.
    tries = models.PositiveSmallIntegerField(default=0)
    #: So many addresses a paid service may be asked about, as somebody chose.
    paid_checks = models.PositiveIntegerField(default=0)
    #: So many it was asked about since then, however often the preview was begun.
    paid_asked = models.PositiveIntegerField(default=0)
    #: Custom values of the file win over those that people have; else they fill what is blank.
    overwrites = models.BooleanField(default=False)
    cancel_requested = models.BooleanField(default=False)
    finished_at = models.DateTimeField(null=True)
    #: When all of it was taken back, and the act that says how far that is.
    undone_at = models.DateTimeField(null=True)
    undo_act = OrganizationForeignKey(LeadAct, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(OrganizationModel.Meta):
        indexes = [models.Index(fields=["organization", "-created_at"], name="lead_import_recent")]


class LeadImportRow(OrganizationModel):
    """A good row of a previewed file, in form, until the run takes it (``services.import_rows``).

    Its id is that of the lead that it becomes where nobody is known by its addresses.
    """

    lead_import = OrganizationForeignKey(
        LeadImport, on_delete=models.CASCADE, related_name="rows", db_index=False
    )  # the unique constraint's index serves
    number = models.PositiveIntegerField()
    first_name = models.CharField(max_length=120, blank=True)
    last_name = models.CharField(max_length=120, blank=True)
    title = models.CharField(max_length=200, blank=True)
    company = models.CharField(max_length=200, blank=True)
    company_key = models.CharField(max_length=200, blank=True)
    country = models.CharField(max_length=2, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    fields = models.JSONField(default=dict)
    #: Each address as compared, and as written.
    linkedin = models.CharField(max_length=300, blank=True)
    linkedin_written = models.CharField(max_length=300, blank=True)
    email = models.CharField(max_length=300, blank=True)
    email_written = models.CharField(max_length=300, blank=True)
    phone = models.CharField(max_length=300, blank=True)
    phone_written = models.CharField(max_length=300, blank=True)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["lead_import", "number"], name="lead_import_row_once")]


class LeadImportError(OrganizationModel):
    """One row that was not imported, with the reason, for the error file."""

    lead_import = OrganizationForeignKey(LeadImport, on_delete=models.CASCADE, related_name="row_errors")
    row_number = models.PositiveIntegerField()
    reason = models.CharField(max_length=300)
    values = models.JSONField(default=list)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["lead_import", "row_number"], name="lead_import_error_once")
        ]


class LeadImportLead(OrganizationModel):
    """A lead that an import created or updated, so that a campaign can be launched over an import."""

    lead_import = OrganizationForeignKey(LeadImport, on_delete=models.CASCADE, related_name="lead_links")
    lead = OrganizationForeignKey(Lead, on_delete=models.CASCADE, related_name="+")
    created_lead = models.BooleanField(default=False)
    #: What the import filled in for somebody who was there: ``{field: [before, after]}``; of ``fields``, by name; the
    #: ids of addresses that were new (``channels``).
    filled = models.JSONField(default=dict)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["lead_import", "lead"], name="lead_import_lead_once")]
