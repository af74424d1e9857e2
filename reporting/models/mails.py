"""The weekly report by mail: when it leaves, to whom, and each one that was made."""

from __future__ import annotations

import secrets

from django.core.validators import MaxValueValidator
from django.db import models

from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


def _token() -> str:
    return secrets.token_urlsafe(24)


class ReportMailPlan(OrganizationModel):
    """When a client's weekly report leaves, in the client's time zone."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    is_on = models.BooleanField(default=False)
    #: 0 is Monday.
    weekday = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(6)])
    hour = models.PositiveSmallIntegerField(default=8, validators=[MaxValueValidator(23)])
    #: Whether somebody of the agency reads it before it leaves.
    needs_approval = models.BooleanField(default=True)
    #: Since when it is on: weeks whose hour had passed by then are not made up for.
    on_since = models.DateTimeField(null=True)
    #: Whom answers go to; empty: nobody reads them.
    reply_to = models.EmailField(blank=True, default="", db_default="")

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["client"], name="report_mail_plan_once")]


class ReportRecipient(OrganizationModel):
    """Somebody who gets the weekly report, until they or the agency say no. Rows stay: links in mails lead here."""

    class Left(models.TextChoices):
        CHOICE = "choice", "left"
        COMPLAINED = "complained", "marked it as unwanted"
        BOUNCED = "bounced", "mail comes back"
        REMOVED = "removed", "removed"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    address = models.EmailField()
    #: Part of the link by which they leave.
    token = models.CharField(max_length=64, unique=True, default=_token)
    left_at = models.DateTimeField(null=True)
    #: Why, once ``left_at`` is set.
    left_because = models.CharField(
        max_length=12, choices=Left.choices, blank=True, default="", db_default=""
    )

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["client", "address"], name="report_recipient_once")]
        ordering = ["address", "id"]


class ReportMail(OrganizationModel):
    """One week's report of a client: made once, read by the agency if it wants to, and sent once."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waits for approval"
        SENT = "sent", "Sent"
        DROPPED = "dropped", "Not sent"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    #: The Monday of the week that it is about.
    week = models.DateField()
    subject = models.CharField(max_length=200)
    text = models.TextField()
    html = models.TextField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    decided_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    sent_at = models.DateTimeField(null=True)
    #: How many it went to.
    sent_to = models.PositiveIntegerField(default=0)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["client", "week"], name="report_mail_once")]
