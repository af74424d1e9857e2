"""What replies mean, and which wordings won."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from campaigns.models.campaigns import Campaign
from campaigns.models.enrollments import Enrollment
from campaigns.replies.intents import Intent
from integrations.models.connections import Channel
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class ReplyReading(OrganizationModel):
    """What one reply means, and the message that it answers. A rule's first guess until a person says otherwise."""

    class Source(models.TextChoices):
        RULE = "rule", "Read by rules"
        PERSON = "person", "Said by a person"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    campaign = OrganizationForeignKey(Campaign, on_delete=models.CASCADE, related_name="+")
    enrollment = OrganizationForeignKey(Enrollment, on_delete=models.CASCADE, related_name="readings")
    #: The provider's fact that told of the reply.
    event_id = models.UUIDField()
    channel = models.CharField(max_length=16, choices=Channel.choices)
    #: The step, and its wording, that was the last to leave before the reply.
    node_id = models.CharField(max_length=80)
    variant_id = models.CharField(max_length=80, blank=True)
    intent = models.CharField(max_length=24, choices=[(one.value, one.value) for one in Intent])
    #: The words that the rule rests on.
    because = models.CharField(max_length=200, blank=True)
    #: Which rules read it (``campaigns.replies.intents.VERSION``).
    rules = models.CharField(max_length=24)
    #: What the rules said, kept when a person corrects it.
    first_intent = models.CharField(max_length=24)
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.RULE)
    decided_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    occurred_at = models.DateTimeField()

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organization", "event_id"], name="reply_reading_once")
        ]
        indexes = [
            models.Index(fields=["campaign", "node_id"], name="reply_reading_by_step"),
            models.Index(fields=["enrollment", "-occurred_at"], name="reply_reading_recent"),
        ]


class VariantChoice(OrganizationModel):
    """A wording that everybody from now on gets at a step: by the stated test, or because a person said so."""

    campaign = OrganizationForeignKey(Campaign, on_delete=models.CASCADE, related_name="variant_choices")
    node_id = models.CharField(max_length=80)
    variant_id = models.CharField(max_length=80)
    #: The test's sentence with its figures, or what the person said.
    reason = models.CharField(max_length=400)
    #: The counts at that moment, by variant.
    tallies = models.JSONField(default=list)
    decided_at = models.DateTimeField(default=timezone.now)
    #: Empty: the test.
    decided_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["campaign", "node_id"], name="variant_choice_once")]
