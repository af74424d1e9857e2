"""Alerts: what a person has to know of, the rules that open them, and whom they are told to."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class Severity(models.TextChoices):
    """How bad it is."""

    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


class Alert(OrganizationModel):
    """Something that is or was wrong. At most one is open for each ``key``, however often it is told."""

    kind = models.CharField(max_length=40)
    #: Names this one within the organization.
    key = models.CharField(max_length=200)
    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, null=True, related_name="+")
    severity = models.CharField(max_length=12, choices=Severity.choices, default=Severity.WARNING)
    #: What it is about, in words.
    subject = models.CharField(max_length=200)
    message = models.TextField()
    #: Where to look, below ``/o/<organization>/``.
    path = models.CharField(max_length=200, blank=True)
    opened_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(
        "tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    resolved_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "key"],
                condition=models.Q(resolved_at=None),
                name="alert_open_once",
            )
        ]
        indexes = [models.Index(fields=["organization", "-opened_at", "-id"], name="alert_recent")]

    def __str__(self) -> str:
        return self.subject


class AlertRule(OrganizationModel):
    """What an organization has set otherwise than the rule's own figures (``reporting.alert_rules``)."""

    kind = models.CharField(max_length=40)
    is_on = models.BooleanField(default=True)
    threshold = models.PositiveIntegerField(null=True)
    window_minutes = models.PositiveIntegerField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["organization", "kind"], name="alert_rule_once")]


class AlertChannel(OrganizationModel):
    """Where alerts are told: an address, a Slack-compatible webhook, or a webhook of ours."""

    class Kind(models.TextChoices):
        EMAIL = "email", "E-mail"
        SLACK = "slack", "Slack-compatible webhook"
        WEBHOOK = "webhook", "Webhook"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    name = models.CharField(max_length=80)
    #: Encrypted (``project.core.crypto``): ``target`` (address or URL, which is a secret with Slack), ``secret``.
    credentials = models.TextField(blank=True)
    #: What of the target may be shown.
    shown = models.CharField(max_length=200, blank=True)
    min_severity = models.CharField(max_length=12, choices=Severity.choices, default=Severity.WARNING)
    is_on = models.BooleanField(default=True)
    last_told_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.name


class AlertNotice(OrganizationModel):
    """One telling of an alert over one channel: that it opened, or that it is over."""

    class What(models.TextChoices):
        OPENED = "opened", "Opened"
        RESOLVED = "resolved", "Resolved"

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        SENT = "sent", "Told"
        FAILED = "failed", "Given up"

    alert = OrganizationForeignKey(Alert, on_delete=models.CASCADE, related_name="notices")
    channel = OrganizationForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="notices")
    what = models.CharField(max_length=12, choices=What.choices)
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    error = models.CharField(max_length=300, blank=True)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["alert", "channel", "what"], name="alert_notice_once")]
        indexes = [
            models.Index(fields=["not_before"], name="alert_notice_due", condition=models.Q(state="queued"))
        ]
