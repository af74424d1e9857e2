"""What a client's own people see, and what they say about replies."""

from __future__ import annotations

from django.db import models

from inbox.models import Conversation
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class PortalPolicy(OrganizationModel):
    """What a client's own people see of replies and deals. A client without a row has these defaults."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    #: Whether they read what people wrote at all.
    shows_replies = models.BooleanField(default=True)
    #: Whether mail addresses and telephone numbers in replies are covered.
    hides_addresses = models.BooleanField(default=False)
    #: Whether they see what their deals are worth, with whom.
    shows_deals = models.BooleanField(default=False, db_default=False)
    #: The colour of its pages (``#rrggbb``); empty: that of its mark in the agency's lists.
    brand_colour = models.CharField(max_length=7, blank=True, default="", db_default="")

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["client"], name="portal_policy_once")]


class ReplyVerdict(OrganizationModel):
    """Whether the client calls whoever replied qualified; the latest word counts."""

    class Verdict(models.TextChoices):
        QUALIFIED = "qualified", "Qualified"
        DISQUALIFIED = "disqualified", "Not qualified"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    conversation = OrganizationForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    verdict = models.CharField(max_length=16, choices=Verdict.choices)
    decided_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField()

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["conversation"], name="reply_verdict_once")]


class ClientLogo(OrganizationModel):
    """The client's mark, which stands at the top of what its people and holders of share links see."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    #: What the bytes themselves prove: image/png, image/jpeg or image/webp.
    content_type = models.CharField(max_length=20)
    data = models.BinaryField()
    #: Part of its address, so that a new one is seen at once.
    digest = models.CharField(max_length=16)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["client"], name="client_logo_once")]
