"""Measured facts, written when they happen; reports only add them up."""

from __future__ import annotations

from django.db import models
from django.db.models import Func

from project.core.ids import uuid7
from project.core.models import OrganizationModel
from project.core.partitions import PartitionedByOccurrence


class CurrentTransaction(Func):
    """The id of the writing transaction, by PostgreSQL; ids of finished ones lie below ``pg_snapshot_xmin``."""

    template = "pg_current_xact_id()::text::bigint"
    arity = 0
    output_field = models.BigIntegerField()


class Fact(PartitionedByOccurrence, OrganizationModel):
    """One countable thing that happened to one lead in one campaign. Partitioned by month of occurrence.

    ``key`` makes it idempotent: the same fact from webhook, poll or replay has the same key and instant.
    """

    class Kind(models.TextChoices):
        ENROLLED = "enrolled", "Enrolled"
        INVITED = "invited", "Invited"
        CONNECTED = "connected", "Connected"
        MESSAGED = "messaged", "Messaged"
        REPLIED = "replied", "Replied"
        EMAILED = "emailed", "E-mailed"
        TEXTED = "texted", "Texted"
        DELIVERED = "delivered", "Delivered"
        OPENED = "opened", "Opened"
        CLICKED = "clicked", "Clicked"
        MACHINE_OPENED = "machine_opened", "Opened by a machine"
        MACHINE_CLICKED = "machine_clicked", "Clicked by a machine"
        BOUNCED = "bounced", "Bounced"
        COMPLAINED = "complained", "Marked as spam"
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
        POSITIVE = "positive", "Replied positively"
        MEETING = "meeting", "Meeting agreed"
        AWAY = "away", "Note of absence"
        QUALIFIED = "qualified", "Called qualified by the client"
        DISQUALIFIED = "disqualified", "Called not qualified by the client"
        ENDED = "ended", "Ended"
        ANSWERED = "answered", "Answered by an operator"
        FIRST_ANSWERED = "first_answered", "Answered for the first time"
        PROMISE_BROKEN = "promise_broken", "Answer late"
        RESOLVED = "resolved", "Conversation closed"

    pk = models.CompositePrimaryKey("occurred_at", "id")
    id = models.UUIDField(default=uuid7, editable=False)
    occurred_at = models.DateTimeField()
    kind = models.CharField(max_length=24, choices=Kind.choices)
    key = models.CharField(max_length=160)
    client_id = models.UUIDField()
    campaign_id = models.UUIDField(null=True)
    enrollment_id = models.UUIDField(null=True)
    lead_id = models.UUIDField(null=True)
    sender_id = models.UUIDField(null=True)
    conversation_id = models.UUIDField(null=True)
    #: The member who did it, if one did.
    user_id = models.UUIDField(null=True)
    #: Answers: whether the promised time was kept; ``None`` where nothing was promised.
    in_time = models.BooleanField(null=True)
    node_id = models.CharField(max_length=80, blank=True)
    #: The wording that was sent, reported on or answered, and the channel it took.
    variant_id = models.CharField(max_length=80, blank=True, default="")
    channel = models.CharField(max_length=16, blank=True, default="")
    #: Domain of the recipient's address (e-mail), and the import that brought the lead.
    domain = models.CharField(max_length=255, blank=True, default="")
    list_id = models.UUIDField(null=True)
    #: A measured quantity of the fact, e.g. seconds from the message that is answered to the reply.
    value = models.BigIntegerField(null=True)
    #: The transaction that wrote it; rollups count by it. Empty: from before there were rollups.
    written_in = models.BigIntegerField(null=True, editable=False, db_default=CurrentTransaction())

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organization", "kind", "key", "occurred_at"], name="fact_once")
        ]
        indexes = [
            models.Index(fields=["organization", "client_id", "kind", "occurred_at"], name="fact_by_client"),
            models.Index(
                fields=["organization", "campaign_id", "kind", "occurred_at"], name="fact_by_campaign"
            ),
            # Of all clients together; whose it is can be read from it, too.
            models.Index(
                fields=["organization", "kind", "occurred_at"], name="fact_by_kind", include=["client_id"]
            ),
            models.Index(fields=["organization", "lead_id"], name="fact_by_lead"),
            models.Index(fields=["organization", "written_in"], name="fact_by_transaction"),
        ]
