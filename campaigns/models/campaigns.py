"""Campaigns and the versions of their plans."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from integrations.models import SenderAccount
from project.core.isolation import AppendOnly
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


def default_window() -> dict[str, object]:
    """Monday to Friday, nine to five (0 is Monday; half-open)."""
    return {"weekdays": [0, 1, 2, 3, 4], "start": "09:00", "end": "17:00"}


class Campaign(OrganizationModel):
    """A plan applied to a list of leads with sender accounts, inside a sending window."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        COMPLETED = "completed", "Completed"
        ARCHIVED = "archived", "Archived"

    class Kind(models.TextChoices):
        NATIVE = "native", "Run here"
        PROVIDER = "provider", "Run by a provider"

    class ReplyStops(models.TextChoices):
        CAMPAIGN = "campaign", "This campaign"
        LEAD = "lead", "All campaigns of the client that write to the lead"
        COMPANY = "company", "All campaigns of the client that write to the lead's company"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="campaigns")
    name = models.CharField(max_length=160)
    #: Who carries it out: our engine, or the provider of its ``CampaignMirror``. Settled when it is made.
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.NATIVE)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.DRAFT)
    #: The plan being edited; a launch freezes it into a ``PlanVersion``.
    draft_plan = models.JSONField(default=dict)
    #: Counts every change of the draft, undoing included: who changes it says which one they have seen.
    draft_version = models.PositiveIntegerField(default=0)
    #: The ``DraftRevision`` that the draft is at; 0 before the first one.
    draft_position = models.PositiveIntegerField(default=0)
    current_version = OrganizationForeignKey(
        "campaigns.PlanVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    time_zone = models.CharField(max_length=64, default="UTC")
    use_lead_time_zone = models.BooleanField(default=False)
    #: Whom the campaign approaches: ``{"import_id": "..."}`` or ``{"all": true}`` (all leads of the client).
    audience = models.JSONField(default=dict)
    #: ``{"weekdays": [0..6], "start": "HH:MM", "end": "HH:MM"}``; half-open.
    window = models.JSONField(default=default_window)
    #: ISO 3166 alpha-2 country whose public holidays are skipped; empty for none.
    holiday_country = models.CharField(max_length=2, blank=True)
    #: All own days off that hold for this campaign, ``YYYY-MM-DD``, as ``services.holidays`` last put them together.
    own_holidays = models.JSONField(default=list)
    #: What a reply ends: what this sender writes to the lead, all that is written to the lead, or to its company.
    reply_stops = models.CharField(max_length=16, choices=ReplyStops.choices, default=ReplyStops.LEAD)
    #: Leads that are in another running campaign of the client wait until they are out of it.
    exclusive = models.BooleanField(default=False)
    #: Leads whose last campaign of the client ended less than so many days ago wait.
    reentry_days = models.PositiveSmallIntegerField(default=0)
    #: Whether a step's winner, once the stated test has found it, is given to everybody from then on.
    auto_winner = models.BooleanField(default=True)
    #: Whether a version is launched only after somebody else, or the client, has approved just that version.
    needs_approval = models.BooleanField(default=False)
    #: Where the list shows it, and by what it is found; free words of the organization.
    folder = models.CharField(max_length=80, blank=True)
    tags = models.JSONField(default=list, blank=True)
    #: The campaign that it was made from as a copy.
    copied_from = OrganizationForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: The template that its steps were taken from: in which version, and what they were then
    #: (``services.plan_templates.fingerprint``).
    template = OrganizationForeignKey(
        "campaigns.PlanTemplate", on_delete=models.SET_NULL, null=True, blank=True
    )
    template_version = models.PositiveIntegerField(default=0)
    template_hash = models.CharField(max_length=64, blank=True)
    created_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    launched_at = models.DateTimeField(null=True)
    #: Since when the audience waits to be enrolled; empty once everybody is in. A sweeper looks for it.
    enrolling_since = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        indexes = [
            models.Index(fields=["organization", "-created_at", "-id"], name="campaign_recent"),
            models.Index(
                fields=["enrolling_since"],
                name="campaign_enrolling",
                condition=models.Q(enrolling_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CampaignSender(OrganizationModel):
    """A sender account that works for a campaign."""

    campaign = OrganizationForeignKey(Campaign, on_delete=models.CASCADE, related_name="sender_links")
    sender = OrganizationForeignKey(SenderAccount, on_delete=models.CASCADE, related_name="campaign_links")
    #: Pools that steps may name (``sender.pool`` of a plan), for example ``["founders"]``.
    pools = models.JSONField(default=list, blank=True)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["campaign", "sender"], name="campaign_sender_once")]


class PlanVersion(AppendOnly, OrganizationModel):
    """An immutable plan. The same hash is the same version."""

    campaign = OrganizationForeignKey(Campaign, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    plan = models.JSONField()
    plan_hash = models.CharField(max_length=64)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["campaign", "plan_hash"], name="plan_version_hash_once"),
            models.UniqueConstraint(fields=["campaign", "number"], name="plan_version_number_once"),
        ]


class DraftRevision(OrganizationModel):
    """One state of a campaign's draft, in order of ``number``: what undo goes back to and redo forward.

    The draft is at ``Campaign.draft_position``; what lies behind it was undone and goes when something else is done.
    """

    campaign = OrganizationForeignKey(Campaign, on_delete=models.CASCADE, related_name="draft_revisions")
    number = models.PositiveIntegerField()
    plan = models.JSONField()
    #: What was done, for example ``Moved Intro up``.
    label = models.CharField(max_length=200)
    #: Changes that go on with this one become part of it (the same text, typed by the same person).
    subject = models.CharField(max_length=160, blank=True)
    actor = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="draft_revision_number_once")
        ]


class PlanReview(OrganizationModel):
    """Somebody's word on one plan for certain people: it holds for just this ``plan_hash`` and this ``audience``, and
    for those who were in it when it was asked about (``approved_until``). Whoever came later waits for another word.
    """

    class State(models.TextChoices):
        ASKED = "asked", "Waits for a decision"
        APPROVED = "approved", "Approved"
        DECLINED = "declined", "Changes wanted"

    campaign = OrganizationForeignKey(Campaign, on_delete=models.CASCADE, related_name="reviews")
    #: The draft with its snippets put in, as it would be launched.
    plan_hash = models.CharField(max_length=64)
    plan = models.JSONField()
    #: Whom it was to approach (``services.settings.Audience``), and how many these were when it was asked about.
    audience = models.JSONField(default=dict)
    leads = models.PositiveIntegerField(null=True)
    #: Who had come into the list by then is meant by the question, and by the last word that approved.
    asked_until = models.DateTimeField(default=timezone.now)
    approved_until = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    note = models.CharField(max_length=500, blank=True)
    asked_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    decided_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["campaign", "plan_hash", "audience"], name="plan_review_once")
        ]
        indexes = [models.Index(fields=["campaign", "-created_at", "-id"], name="plan_review_recent")]


class PlanMigration(OrganizationModel):
    """A new version of a running campaign's plan, and what became of those who were in the old ones."""

    class State(models.TextChoices):
        RUNNING = "running", "Under way"
        BACKING = "backing", "Being rolled back"
        DONE = "done", "Done"
        FAILED = "failed", "Not done"
        UNDONE = "undone", "Rolled back"

    campaign = OrganizationForeignKey(Campaign, on_delete=models.CASCADE, related_name="plan_migrations")
    from_version = OrganizationForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    to_version = OrganizationForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    actor = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    #: What was chosen for those at each step: ``{node: {"do": "stay" | "go_on" | "move" | "finish", "to": node}}``.
    choices = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    #: People by what became of them: ``stay``, ``go_on``, ``move``, ``finish``; rolling back: ``back``, ``kept``.
    counts = models.JSONField(default=dict)
    error = models.CharField(max_length=300, blank=True)
    claimed_until = models.DateTimeField(null=True)
    #: How often a worker began.
    tries = models.PositiveSmallIntegerField(default=0)
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["campaign"],
                condition=models.Q(state__in=["running", "backing"]),
                name="plan_migration_one_under_way",
            )
        ]
        indexes = [models.Index(fields=["campaign", "-created_at", "-id"], name="plan_migration_recent")]
