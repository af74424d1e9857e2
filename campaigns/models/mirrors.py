"""Campaigns that a provider runs: what they and their people are called there, how they are there, and what of
ours it has been given (docs/provider-run.md).
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from campaigns.models.campaigns import Campaign
from campaigns.models.enrollments import Enrollment
from integrations.models import Connection
from integrations.running import CampaignStatus, LeadStatus
from project.core.models import OrganizationForeignKey, OrganizationModel


def _choices(words: type[CampaignStatus] | type[LeadStatus]) -> list[tuple[str, str]]:
    return [(word.value, word.value.replace("_", " ").capitalize()) for word in words]


class CampaignMirror(OrganizationModel):
    """A campaign at the provider that runs it. One for each provider-run campaign.

    It is the job, too, that brings the provider in line with ours: ``job`` and what follows it. What the provider has
    is told by the digests: where one differs from what is wanted now, that part is pushed again.
    """

    class Job(models.TextChoices):
        """Whether something is to be done at the provider."""

        IDLE = "idle", "Nothing to do"
        DUE = "due", "To be done"
        BLOCKED = "blocked", "Needs a person"

    campaign = OrganizationForeignKey(Campaign, on_delete=models.CASCADE, related_name="mirrors")
    connection = OrganizationForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    #: Empty until it was made there.
    provider_campaign_id = models.CharField(max_length=120, blank=True)
    #: What it is called there, by which one is found whose making ended unclear.
    provider_name = models.CharField(max_length=160, blank=True)
    #: When we last asked the provider to make it; with no id: nobody knows whether it did.
    asked_at = models.DateTimeField(null=True)

    #: Normalised (``integrations.running.CampaignStatus``), and the provider's own word.
    status = models.CharField(
        max_length=16, choices=_choices(CampaignStatus), default=CampaignStatus.DRAFT.value
    )
    raw_status = models.CharField(max_length=60, blank=True)
    #: When the provider last said so; older news that comes later changes nothing.
    status_at = models.DateTimeField(null=True)
    #: The provider's counters (``integrations.running.ProviderStatistics`` without the raw object).
    statistics = models.JSONField(default=dict)
    statistics_at = models.DateTimeField(null=True)

    #: What we last asked it to be (``running``, ``paused``, ``stopped``); empty: nothing yet; ``starting``: asked to
    #: run, and the answer is not in. Where it differs from ``status``, somebody changed it at the provider, or it came
    #: to its end.
    asked_status = models.CharField(max_length=16, blank=True)
    #: Why it must not run although the campaign is active, in plain words.
    held_reason = models.CharField(max_length=300, blank=True)

    job = models.CharField(max_length=8, choices=Job.choices, default=Job.IDLE)
    #: Raised with each request, so that one that comes while a worker is at it is not lost.
    wanted = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    claimed_until = models.DateTimeField(null=True)
    #: How often a worker took it up: raised on each claim, so that an outrun worker notices.
    claims = models.PositiveIntegerField(default=0)
    #: Failures in a row.
    attempts = models.PositiveIntegerField(default=0)
    #: What is being done, or was when it failed: ``campaign``, ``senders``, ``schedule``, ``settings``,
    #: ``sequence``, ``webhooks``, ``leads``, ``stops``, ``unstopped``, ``status``, ``holds``.
    step = models.CharField(max_length=16, blank=True)
    error_kind = models.CharField(max_length=40, blank=True)
    #: In plain words.
    error = models.CharField(max_length=400, blank=True)
    senders_digest = models.CharField(max_length=64, blank=True)
    schedule_digest = models.CharField(max_length=64, blank=True)
    settings_digest = models.CharField(max_length=64, blank=True)
    sequence_digest = models.CharField(max_length=64, blank=True)
    #: Ids of the webhooks that were registered for this campaign alone.
    webhook_ids = models.JSONField(default=list)
    webhooks_at = models.DateTimeField(null=True)

    last_lead_sync_at = models.DateTimeField(null=True)
    last_lead_sync_error = models.CharField(max_length=400, blank=True)
    lead_sync_note = models.CharField(max_length=300, blank=True)
    #: Where the reading of its people stands that one turn did not finish, and when it began.
    lead_sync_cursor = models.CharField(max_length=120, blank=True)
    lead_sync_began_at = models.DateTimeField(null=True)
    #: How many people whom we did not hand over that reading has found, or the last whole one did.
    lead_sync_unknown = models.PositiveIntegerField(default=0)
    #: How many people the provider counted as not taken, by its reason, and did not name; until its list is read.
    untaken = models.JSONField(default=dict)
    #: When the campaign is read again.
    next_sync_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["campaign"], name="campaign_mirror_once"),
            models.UniqueConstraint(
                fields=["connection", "provider_campaign_id"],
                name="campaign_mirror_provider_id",
                condition=~models.Q(provider_campaign_id=""),
            ),
        ]
        indexes = [
            models.Index(fields=["not_before"], name="campaign_mirror_due", condition=models.Q(job="due")),
            models.Index(
                fields=["next_sync_at"],
                name="campaign_mirror_sync",
                condition=models.Q(next_sync_at__isnull=False),
            ),
        ]


class EnrollmentMirror(OrganizationModel):
    """A lead in a campaign at the provider that runs it. One for each enrollment of a provider-run campaign."""

    class State(models.TextChoices):
        """What the provider has been told about the person."""

        WAITING = "waiting", "Waiting to be handed over"
        #: Handed over, and the answer is not known: told again, for providers know people by their key.
        HANDING = "handing", "Being handed over"
        ADDED = "added", "At the provider"
        #: Told to wait with them; whether it should is the enrollment's status.
        HELD = "held", "Held at the provider"
        REFUSED = "refused", "Refused by the provider"
        #: Handed over without an objection, and not in the provider's list.
        DROPPED = "dropped", "Not taken by the provider"
        #: Never handed over: suppressed, or ended before.
        WITHHELD = "withheld", "Not handed over"
        STOPPING = "stopping", "To be stopped at the provider"
        STOPPED = "stopped", "Stopped at the provider"

    mirror = OrganizationForeignKey(CampaignMirror, on_delete=models.CASCADE, related_name="people")
    enrollment = OrganizationForeignKey(Enrollment, on_delete=models.CASCADE, related_name="mirrors")
    #: By what the provider tells people apart (``integrations.running.NewLead.key``).
    key = models.CharField(max_length=300)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    added_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    #: Why it is withheld, was refused or is stopped, or the last failure.
    reason = models.CharField(max_length=300, blank=True)

    #: The person's id at the provider, and the id of the person in this campaign.
    provider_lead_id = models.CharField(max_length=120, blank=True)
    membership_id = models.CharField(max_length=120, blank=True)
    #: Normalised (``integrations.running.LeadStatus``), and the provider's own word.
    status = models.CharField(max_length=12, choices=_choices(LeadStatus), default=LeadStatus.PENDING.value)
    raw_status = models.CharField(max_length=60, blank=True)
    category = models.CharField(max_length=80, blank=True)
    #: The last step that left, as far as the provider told; 0: none yet.
    step_number = models.PositiveSmallIntegerField(default=0)
    synced_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["enrollment"], name="enrollment_mirror_once"),
            models.UniqueConstraint(fields=["mirror", "key"], name="enrollment_mirror_key"),
        ]
        indexes = [
            models.Index(
                fields=["mirror", "not_before", "id"],
                name="enrollment_mirror_due",
                condition=models.Q(state__in=["waiting", "handing", "stopping"]),
            ),
            models.Index(
                fields=["mirror", "provider_lead_id"],
                name="enrollment_mirror_lead",
                condition=~models.Q(provider_lead_id=""),
            ),
        ]
