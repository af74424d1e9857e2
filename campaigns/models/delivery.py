"""What became of e-mails and texts, the brakes that follow from it, and what is known about addresses."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from integrations.models import SenderAccount
from integrations.models.connections import Channel
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class SendOutcome(OrganizationModel):
    """What became of one e-mail or text: the first time of each thing. Rates are counted over these rows."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    sender = OrganizationForeignKey(SenderAccount, on_delete=models.CASCADE, related_name="+")
    outbound_id = models.UUIDField()
    channel = models.CharField(max_length=16, choices=Channel.choices)
    #: Domain of the recipient's address; empty for text messages.
    domain = models.CharField(max_length=255, blank=True)
    lead_id = models.UUIDField(null=True)
    campaign_id = models.UUIDField(null=True)
    #: The list that brought the lead.
    import_id = models.UUIDField(null=True)
    sent_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)
    #: Privacy proxies and scanners.
    machine_opened_at = models.DateTimeField(null=True)
    machine_clicked_at = models.DateTimeField(null=True)
    deferred_at = models.DateTimeField(null=True)
    bounced_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    complained_at = models.DateTimeField(null=True)
    unsubscribed_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organization", "outbound_id"], name="send_outcome_once")
        ]
        indexes = [
            models.Index(fields=["organization", "sender", "-sent_at"], name="send_outcome_by_sender"),
            models.Index(
                fields=["organization", "import_id", "-sent_at"],
                name="send_outcome_by_list",
                condition=models.Q(import_id__isnull=False),
            ),
            models.Index(
                fields=["organization", "client", "domain", "-sent_at"], name="send_outcome_by_domain"
            ),
            # Few rows: whoever wants no more counts against the wording that they got.
            models.Index(
                fields=["organization", "campaign_id"],
                name="send_outcome_gone",
                condition=models.Q(unsubscribed_at__isnull=False) | models.Q(complained_at__isnull=False),
            ),
            # Who did something with what they got: few rows, so that the table of leads can begin at them.
            models.Index(
                fields=["organization", "lead_id"],
                name="send_outcome_acted",
                condition=models.Q(opened_at__isnull=False)
                | models.Q(clicked_at__isnull=False)
                | models.Q(bounced_at__isnull=False),
            ),
        ]


class Brake(OrganizationModel):
    """Sending through a sender, to a list or to a domain was stopped, because too much of it came back."""

    class Scope(models.TextChoices):
        SENDER = "sender", "Sender"
        LIST = "list", "List"
        DOMAIN = "domain", "Recipient domain"

    class Signal(models.TextChoices):
        BOUNCE = "bounce", "Bounces"
        COMPLAINT = "complaint", "Spam complaints"
        DEFERRAL = "deferral", "Deferrals"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    scope = models.CharField(max_length=8, choices=Scope.choices)
    #: Id of the sender or import, or the domain.
    target = models.CharField(max_length=255)
    signal = models.CharField(max_length=12, choices=Signal.choices)
    counted = models.PositiveIntegerField()
    sample = models.PositiveIntegerField()
    reason = models.CharField(max_length=300)
    tripped_at = models.DateTimeField(default=timezone.now)
    #: Empty: until a person releases it.
    ends_at = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)
    released_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client", "scope", "target", "signal"],
                name="brake_on_once",
                condition=models.Q(released_at=None),
            )
        ]
        indexes = [models.Index(fields=["organization", "-tripped_at", "-id"], name="brake_recent")]

    def __str__(self) -> str:
        return self.reason


class AddressCheck(OrganizationModel):
    """What is known about an e-mail address before anything is sent to it, and until when that is believed."""

    class Verdict(models.TextChoices):
        VALID = "valid", "Valid"
        RISKY = "risky", "Risky"
        INVALID = "invalid", "Invalid"

    address = models.CharField(max_length=254)
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    #: Stable words: ``syntax``, ``no_mx``, ``disposable``, ``role``, ...
    reasons = models.JSONField(default=list)
    suggestion = models.CharField(max_length=254, blank=True)
    #: ``local`` or the provider that was asked.
    source = models.CharField(max_length=32, default="local")
    checked_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["organization", "address"], name="address_check_once")]
