"""Who must not be contacted."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from integrations.models.connections import Channel
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class Suppression(OrganizationModel):
    """An address (or a whole e-mail domain) that must not be contacted, for one client or the whole organization.

    Kept by value, so it survives deletion and re-import of the lead.
    """

    class Source(models.TextChoices):
        """How an address came onto the list."""

        PERSON = "person", "Added by a person"
        REPLY = "reply", "Asked in a reply"
        LINK = "link", "Unsubscribe link"
        ONE_CLICK = "one_click", "Button of the mail program"
        MAIL = "mail", "Mail to the unsubscribe address"
        STOP_WORD = "stop_word", "STOP word"
        BOUNCE = "bounce", "Bounced"
        COMPLAINT = "complaint", "Marked as spam"
        PROVIDER = "provider", "Told by the provider"
        IMPORT = "import", "Imported"

    #: Sources that are a wish of the person.
    ASKED: ClassVar = (
        Source.REPLY, Source.LINK, Source.ONE_CLICK, Source.MAIL, Source.STOP_WORD, Source.COMPLAINT,
    )  # fmt: skip

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    channel = models.CharField(max_length=16, choices=Channel.choices)
    #: Normalised address (see ``LeadChannel.normalized``) or domain.
    value = models.CharField(max_length=300)
    is_domain = models.BooleanField(default=False)
    reason = models.CharField(max_length=200, blank=True)
    #: See ``Source``; kept as text, so that what older rows say stays readable.
    source = models.CharField(max_length=40)
    expires_at = models.DateTimeField(null=True)
    #: Whether those concerned were taken out of campaigns that providers run; our own engine asks before each send.
    is_carried = models.BooleanField(default=True, db_default=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client", "channel", "value", "is_domain"],
                name="suppression_once",
                nulls_distinct=False,
            )
        ]
        indexes = [
            models.Index(fields=["organization", "channel", "value"], name="suppression_by_value"),
            models.Index(
                fields=["updated_at"], name="suppression_to_carry", condition=models.Q(is_carried=False)
            ),
        ]
