"""What is counted from facts: sums by day, the first fact of each person, and how far has been counted.

Everything here can be counted again from the facts (``manage.py rollups --rebuild``); nothing else writes it.
"""

from __future__ import annotations

from django.db import models

from project.core.models import DerivedModel, OrganizationModel
from reporting.models.facts import CurrentTransaction, Fact


class Rollup(DerivedModel):
    """The sums of one kind on one day of the client, for one subject and one part of it.

    ``n`` counts what happened; ``people`` counts enrollments on the day on which it happened to them first, so that
    people of several days, steps, senders or campaigns can be added up and nobody is counted twice.
    """

    class Grain(models.TextChoices):
        """What a row is about: ``subject_id`` is the first word, ``part`` the second."""

        ORGANIZATION = "organization", "Organization"
        CLIENT = "client", "Client"
        CAMPAIGN = "campaign", "Campaign"
        SENDER = "sender", "Sender"
        CAMPAIGN_SENDER = "campaign_sender", "Campaign, sender"
        CHANNEL = "channel", "Campaign, channel"
        STEP = "step", "Campaign, step"
        VARIANT = "variant", "Campaign, step and variant"
        DOMAIN = "domain", "Campaign, recipient domain"
        LIST = "list", "Campaign, list"
        #: The local hour at which it happened.
        HOUR = "hour", "Campaign, hour"
        #: Replies by the local hour at which the message that they answer had left; ``day`` is that message's.
        SENT_HOUR = "sent_hour", "Campaign, hour of the answered message"
        #: Replies by the time that they took.
        WAIT = "wait", "Campaign, time to reply"

    pk = models.CompositePrimaryKey("organization", "grain", "subject_id", "day", "part", "kind")
    grain = models.CharField(max_length=16, choices=Grain.choices)
    subject_id = models.UUIDField()
    #: A day of the client's time zone.
    day = models.DateField()
    part = models.CharField(max_length=255, blank=True)
    #: A kind of fact, or one that is derived (``reporting.counting.COUNTED``).
    kind = models.CharField(max_length=24)
    #: The client of the subject; empty for the organization.
    client_id = models.UUIDField(null=True)
    n = models.BigIntegerField(default=0)
    people = models.BigIntegerField(default=0)
    #: How many had a measured time, and those seconds added up. Of kinds that count people: of the first ones.
    timed = models.BigIntegerField(default=0)
    seconds = models.BigIntegerField(default=0)

    class Meta(DerivedModel.Meta):
        indexes = [
            models.Index(fields=["organization", "client_id", "grain", "day"], name="rollup_by_client"),
        ]


class FirstFact(DerivedModel):
    """The first fact of one counted kind about one contact: an enrollment, or a lead outside of any."""

    pk = models.CompositePrimaryKey("organization", "contact_id", "kind")
    contact_id = models.UUIDField()
    kind = models.CharField(max_length=24)
    client_id = models.UUIDField()
    first_at = models.DateTimeField()
    fact_id = models.UUIDField()

    class Meta(DerivedModel.Meta):
        indexes = [
            # Who answered, of those contacted: a small part of all rows.
            models.Index(
                fields=["organization", "client_id", "contact_id"],
                name="first_fact_answers",
                condition=models.Q(kind__in=["replied", "positive", "meeting"]),
            )
        ]


class FactRetraction(OrganizationModel):
    """A fact that was taken back: what it said, so that it can be subtracted from what it was counted in."""

    fact_id = models.UUIDField()
    occurred_at = models.DateTimeField()
    kind = models.CharField(max_length=24, choices=Fact.Kind.choices)
    client_id = models.UUIDField()
    campaign_id = models.UUIDField(null=True)
    enrollment_id = models.UUIDField(null=True)
    lead_id = models.UUIDField(null=True)
    sender_id = models.UUIDField(null=True)
    in_time = models.BooleanField(null=True)
    node_id = models.CharField(max_length=80, blank=True)
    variant_id = models.CharField(max_length=80, blank=True)
    channel = models.CharField(max_length=16, blank=True)
    domain = models.CharField(max_length=255, blank=True)
    list_id = models.UUIDField(null=True)
    value = models.BigIntegerField(null=True)
    #: The transactions that wrote the fact and that took it back.
    fact_written_in = models.BigIntegerField(null=True)
    written_in = models.BigIntegerField(null=True, editable=False, db_default=CurrentTransaction())

    class Meta(OrganizationModel.Meta):
        indexes = [models.Index(fields=["organization", "written_in"], name="retraction_by_transaction")]


class RollupState(OrganizationModel):
    """How far an organization's facts have been counted."""

    #: Everything that transactions below this id have written is counted.
    counted_below = models.BigIntegerField()
    #: Everything that was committed until then is counted; empty: that is not known yet.
    counted_at = models.DateTimeField(null=True)
    #: While a long transaction holds counting up: what has to end before everything until ``awaited_at`` is counted.
    awaited_below = models.BigIntegerField(null=True)
    awaited_at = models.DateTimeField(null=True)
    #: The time zone in which each client's days were counted, by its id.
    zones = models.JSONField(default=dict)
    rebuilt_at = models.DateTimeField(null=True)
    #: Facts before this instant are not kept any more (``reporting.services.retention``). Sums of days before the next
    #: one stay as they were counted, and whoever was first before it stays so. Empty: all facts are there.
    forgotten_before = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["organization"], name="rollup_state_once")]
