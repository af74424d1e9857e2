"""What operators are told of, on which ways, and what became of each notice."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from inbox.models.conversations import Conversation
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class Occasion(models.TextChoices):
    """What people may be told of."""

    REPLY = "reply", "A reply to a conversation of mine"
    UNASSIGNED = "unassigned", "A reply that nobody has taken"
    ASSIGNED = "assigned", "A conversation given to me"
    MENTION = "mention", "A note that mentions me"
    FAILED = "failed", "A reply of mine that was not sent"
    LATE = "late", "An answer that is late, or soon will be"


class Way(models.TextChoices):
    """How they are told."""

    BROWSER = "browser", "Browser"
    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack"
    WEBHOOK = "webhook", "Webhook"


class NotificationSettings(OrganizationModel):
    """How one person wants to be told: quiet hours, batching, and addresses of their own."""

    user = models.ForeignKey("tenancy.User", on_delete=models.CASCADE, related_name="+")
    is_on = models.BooleanField(default=True)
    time_zone = models.CharField(max_length=60, default="UTC")
    #: No notice leaves between these local times but to the browser's own list; equal: never quiet.
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    #: E-mails and Slack messages gather this long, so that ten replies are one notice.
    batch_minutes = models.PositiveSmallIntegerField(default=5)
    #: More than this in an hour on one way waits for the next.
    hourly_limit = models.PositiveSmallIntegerField(default=30)
    #: Encrypted (``project.core.crypto``): ``slack_url``, ``slack_signing_secret``, ``slack_member``
    #: (who may press buttons there), ``webhook_url``, ``webhook_secret``.
    addresses = models.TextField(blank=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="notification_settings_once")
        ]


class NotificationChoice(OrganizationModel):
    """Whether one person is told of one occasion on one way, of one client or (empty) of all."""

    user = models.ForeignKey("tenancy.User", on_delete=models.CASCADE, related_name="+")
    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    occasion = models.CharField(max_length=12, choices=Occasion.choices)
    way = models.CharField(max_length=8, choices=Way.choices)
    is_on = models.BooleanField()

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "user", "client", "occasion", "way"],
                name="notification_choice_once",
                nulls_distinct=False,
            )
        ]


class PushSubscription(OrganizationModel):
    """One browser that takes pushes for one person (Push API)."""

    user = models.ForeignKey("tenancy.User", on_delete=models.CASCADE, related_name="+")
    endpoint = models.CharField(max_length=700)
    p256dh = models.CharField(max_length=200)
    auth = models.CharField(max_length=100)
    label = models.CharField(max_length=120, blank=True)
    failed_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "user", "endpoint"], name="push_subscription_once"
            )
        ]


class Notification(OrganizationModel):
    """One thing that one person is told of. ``key`` makes the same thing, however often it is learnt, one notice."""

    user = models.ForeignKey("tenancy.User", on_delete=models.CASCADE, related_name="+")
    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    conversation = OrganizationForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    occasion = models.CharField(max_length=12, choices=Occasion.choices)
    key = models.CharField(max_length=120)
    title = models.CharField(max_length=200)
    text = models.CharField(max_length=300, blank=True)
    occurred_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organization", "user", "key"], name="notification_once")
        ]
        indexes = [
            models.Index(fields=["organization", "user", "-occurred_at", "-id"], name="notification_recent"),
            models.Index(
                fields=["user", "conversation"], name="notification_unread", condition=models.Q(read_at=None)
            ),
        ]


class NotificationDelivery(OrganizationModel):
    """One notice on one way: due, and what became of it. Those of one way that are due together leave as one."""

    class State(models.TextChoices):
        DUE = "due", "Waits"
        SENDING = "sending", "Leaves"
        DELIVERED = "delivered", "Delivered"
        SKIPPED = "skipped", "Not needed"
        FAILED = "failed", "Failed"

    notification = OrganizationForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    user = models.ForeignKey("tenancy.User", on_delete=models.CASCADE, related_name="+")
    way = models.CharField(max_length=8, choices=Way.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DUE)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    #: Why it was put off, not needed, or failed.
    reason = models.CharField(max_length=300, blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["notification", "way"], name="notification_delivery_once")
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"],
                name="notification_delivery_due",
                condition=models.Q(state__in=["due", "sending"]),
            ),
            models.Index(fields=["organization", "-created_at", "-id"], name="notification_delivery_log"),
        ]
