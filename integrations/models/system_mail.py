"""The installation's own mail: invitations, password resets, notifications, reports."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from project.core.ids import uuid7


class SystemMail(models.Model):
    """One e-mail of the installation to one person, with what became of it.

    No tenant data: a password reset belongs to a person, not to an organization.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        SENDING = "sending", "Sending"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        BOUNCED = "bounced", "Bounced"
        COMPLAINED = "complained", "Marked as unwanted"
        FAILED = "failed", "Not sent"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    #: The same key is the same mail, however often it is asked for.
    key = models.CharField(max_length=200, unique=True)
    #: ``invitation``, ``password_reset``, ``notification``, ``report``, ...; ``other`` where nobody said.
    kind = models.CharField(max_length=40, default="other")
    sender = models.CharField(max_length=320)
    recipient = models.CharField(max_length=254)
    subject = models.CharField(max_length=500)
    #: Encrypted: text, HTML, headers, files. Emptied once it left, for it may hold links that let people in.
    content = models.TextField(blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    claimed_until = models.DateTimeField(null=True)
    #: When the first attempt began: the provider forgets keys after a day.
    first_attempt_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    #: ``resend``, or ``django`` for Django's own backends (SMTP, files).
    transport = models.CharField(max_length=16, blank=True)
    provider_id = models.CharField(max_length=200, blank=True)
    error = models.CharField(max_length=500, blank=True)
    #: What the provider reported, oldest first: ``{"id", "kind", "at", "detail"}``.
    events = models.JSONField(default=list)

    class Meta:
        indexes = [
            models.Index(
                fields=["not_before"],
                name="system_mail_due",
                condition=models.Q(state__in=["queued", "sending"]),
            ),
            models.Index(
                fields=["provider_id"], name="system_mail_provider", condition=~models.Q(provider_id="")
            ),
            models.Index(fields=["-created_at"], name="system_mail_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient}"
