"""What a client has settled about its outreach, and who asked to be left out."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from integrations.models import SenderAccount
from integrations.models.connections import Channel
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class OutreachPolicy(OrganizationModel):
    """The rules of a client's e-mail and text messages: consent, postal address, footer, checks. One per client."""

    class Basis(models.TextChoices):
        """Why these people may be written to; the note says where that is on record."""

        CONSENT = "consent", "They agreed to be written to"
        CUSTOMER = "customer", "They are customers already"
        LEGITIMATE_INTEREST = "legitimate_interest", "Legitimate interest, weighed and on record"

    class Scope(models.TextChoices):
        """For whom an unsubscribe counts."""

        CLIENT = "client", "This client"
        ORGANIZATION = "organization", "All clients"

    class AddressPolicy(models.TextChoices):
        """What is done with addresses that will bounce."""

        OFF = "off", "Do not check"
        WARN = "warn", "Check and warn"
        BLOCK = "block", "Check, and never write to invalid ones"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    #: Who writes, as it stands in footers; empty: the client's name.
    legal_name = models.CharField(max_length=160, blank=True)
    postal_address = models.TextField(max_length=400, blank=True)
    email_basis = models.CharField(max_length=24, choices=Basis.choices, blank=True)
    email_basis_note = models.TextField(max_length=1000, blank=True)
    #: Text messages need consent or a customer relation; legitimate interest is refused.
    sms_basis = models.CharField(max_length=24, choices=Basis.choices, blank=True)
    sms_basis_note = models.TextField(max_length=1000, blank=True)
    #: Postal address and unsubscribe link under every campaign e-mail.
    email_footer = models.BooleanField(default=True)
    unsubscribe_text = models.CharField(max_length=80, default="Unsubscribe")
    unsubscribe_scope = models.CharField(max_length=16, choices=Scope.choices, default=Scope.CLIENT)
    track_opens = models.BooleanField(default=True)
    track_clicks = models.BooleanField(default=False)
    #: Who sends, and "Reply STOP", on the first text to a person.
    sms_stop_notice = models.BooleanField(default=True)
    #: Hours of the recipient's day in which texts may leave; half-open.
    sms_from_hour = models.PositiveSmallIntegerField(default=9)
    sms_until_hour = models.PositiveSmallIntegerField(default=20)
    address_policy = models.CharField(max_length=8, choices=AddressPolicy.choices, default=AddressPolicy.WARN)
    #: How long an address rests after bounces that may pass.
    soft_bounce_days = models.PositiveSmallIntegerField(default=30)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["client"], name="outreach_policy_once"),
            models.CheckConstraint(
                condition=models.Q(sms_from_hour__lt=models.F("sms_until_hour"), sms_until_hour__lte=24),
                name="outreach_sms_hours",
            ),
        ]


class UnsubscribeLink(OrganizationModel):
    """What stands behind ``/u/<token>``: one address in one campaign. Kept for years, whatever becomes of the lead."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(max_length=16, choices=Channel.choices)
    #: Normalised address (see ``LeadChannel.normalized``).
    value = models.CharField(max_length=300)
    #: Plain ids: what they name may be gone.
    lead_id = models.UUIDField(null=True)
    campaign_id = models.UUIDField(null=True)
    enrollment_id = models.UUIDField(null=True)
    sender_id = models.UUIDField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["client", "channel", "value", "enrollment_id"],
                name="unsubscribe_link_once",
                nulls_distinct=False,
            )
        ]


class Unsubscribe(OrganizationModel):
    """Somebody asked not to be written to any more: when, how, after which campaign. ``undone_at``: a mistake."""

    class How(models.TextChoices):
        LINK = "link", "Link in the message"
        ONE_CLICK = "one_click", "Button of the mail program"
        MAIL = "mail", "Mail to the unsubscribe address"
        REPLY = "reply", "Reply"
        STOP_WORD = "stop_word", "STOP word"
        COMPLAINT = "complaint", "Marked as spam"
        PROVIDER = "provider", "Told by the provider"
        PERSON = "person", "Entered by a person"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(max_length=16, choices=Channel.choices)
    value = models.CharField(max_length=300)
    how = models.CharField(max_length=16, choices=How.choices)
    #: Whether it counts for all clients of the organization.
    everywhere = models.BooleanField(default=False)
    occurred_at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True)
    lead_id = models.UUIDField(null=True)
    campaign_id = models.UUIDField(null=True)
    enrollment_id = models.UUIDField(null=True)
    sender = OrganizationForeignKey(SenderAccount, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["client", "channel", "value"],
                name="unsubscribe_standing_once",
                condition=models.Q(undone_at=None),
            )
        ]
        indexes = [
            models.Index(fields=["organization", "-occurred_at", "-id"], name="unsubscribe_recent"),
            models.Index(fields=["organization", "channel", "value"], name="unsubscribe_by_value"),
            models.Index(fields=["organization", "campaign_id"], name="unsubscribe_by_campaign"),
        ]
