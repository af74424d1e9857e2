"""Sending limits: what is allowed, what has been used, warm-up plans, and request slots of connections."""

from __future__ import annotations

from typing import Any

from django.db import models

from integrations.models.connections import Connection, SenderAccount
from project.core.models import OrganizationForeignKey, OrganizationModel


class LimitScope(models.TextChoices):
    """Whose budget it is."""

    SENDER = "sender", "Account"
    CLIENT = "client", "Client"
    ORGANIZATION = "organization", "Organization"
    DOMAIN = "domain", "Recipient domain"
    CONNECTION = "connection", "Connection"


class LimitWindow(models.TextChoices):
    """How long a budget lasts. ``growth`` is the growth over the last week's use that is allowed, in percent;
    ``second`` and ``minute`` are for requests to a provider.
    """

    SECOND = "second", "Second"
    MINUTE = "minute", "Minute"
    HOUR = "hour", "Hour"
    DAY = "day", "Day"
    WEEK = "week", "Week"
    GROWTH = "growth", "Growth from week to week"


class RateLimit(OrganizationModel):
    """One limit, where it differs from the defaults of settings.

    ``subject`` is the id of the account, client, organization or connection, or the recipient domain; it is
    filled from ``sender`` where that is set. A blank action means all that count (see
    ``settings.COUNTED_ACTIONS``), and requests on connections.
    """

    scope = models.CharField(max_length=16, choices=LimitScope.choices, default=LimitScope.SENDER)
    subject = models.CharField(max_length=120, blank=True)
    sender = OrganizationForeignKey(
        SenderAccount, on_delete=models.CASCADE, null=True, blank=True, related_name="limits"
    )
    action = models.CharField(max_length=24, blank=True)
    window = models.CharField(max_length=8, choices=LimitWindow.choices, default=LimitWindow.DAY)
    cap = models.PositiveIntegerField()

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "subject", "scope", "action", "window"], name="rate_limit_once"
            )
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; the subject of an account's limit is the account."""
        if self.sender_id is not None:
            self.subject = str(self.sender_id)
        super().save(*args, **kwargs)


class RateUsage(OrganizationModel):
    """What has been used of one budget in one window, ``key`` naming both.

    Windows of accounts are those of the account's time zone, all others are UTC; ``day`` is the window's first day.
    ``used`` is only ever raised under the row's lock and by a statement that compares it with the cap, so that
    it never exceeds the smallest cap that held then.
    """

    #: ``scope:subject:action:window:period`` (``integrations.services.rates.periods``).
    key = models.CharField(max_length=250)
    scope = models.CharField(max_length=16, choices=LimitScope.choices, default=LimitScope.SENDER)
    subject = models.CharField(max_length=120, blank=True)
    sender = OrganizationForeignKey(
        SenderAccount, on_delete=models.CASCADE, null=True, blank=True, related_name="usage"
    )
    action = models.CharField(max_length=24, blank=True)
    window = models.CharField(max_length=8, choices=LimitWindow.choices, default=LimitWindow.DAY)
    day = models.DateField()
    used = models.PositiveIntegerField(default=0)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["organization", "key"], name="rate_usage_once")]
        indexes = [models.Index(fields=["sender", "window", "day"], name="rate_usage_by_sender")]


class WarmupPlan(OrganizationModel):
    """The ramp that a sender is on. Its stage follows from the days since ``started_on`` without those on which
    it was held.
    """

    class Kind(models.TextChoices):
        IP = "ip", "Dedicated IP, by the hour"
        DOMAIN_NEW = "domain_new", "New sending domain"
        DOMAIN_KNOWN = "domain_known", "Sending domain with a history"
        MAILBOX = "mailbox", "Mailbox"
        LINKEDIN = "linkedin", "LinkedIn seat"

    sender = OrganizationForeignKey(SenderAccount, on_delete=models.CASCADE, related_name="warmups")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    #: The first day of the ramp, in the account's time zone.
    started_on = models.DateField()
    #: The ramp ends here instead of at the plan's own end; for the plan's main action.
    ceiling = models.PositiveIntegerField(null=True, blank=True)
    #: Days on which the stage stood still, before ``held_since``.
    held_days = models.PositiveIntegerField(default=0)
    held_since = models.DateField(null=True, blank=True)
    hold_reason = models.CharField(max_length=200, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["sender"], condition=models.Q(stopped_at=None), name="warmup_one_per_sender"
            )
        ]


class RequestSlots(OrganizationModel):
    """The persisted truth about a connection's request rate: instants on a time axis, each for one request.

    All slots before ``next_slot_at`` have been given away, each once (``integrations.services.rates.slots``).
    """

    connection = OrganizationForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    next_slot_at = models.DateTimeField()
    #: Slots that were ever given away.
    given = models.PositiveBigIntegerField(default=0)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["connection"], name="request_slots_once")]
