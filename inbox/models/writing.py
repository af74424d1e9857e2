"""What people write before it is sent: drafts, and texts that they use again."""

from __future__ import annotations

from django.db import models

from inbox.models.conversations import Conversation
from integrations.models import SenderAccount
from integrations.models.connections import Channel
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class ReplyDraft(OrganizationModel):
    """What one person is writing in one conversation, on whatever device. ``version`` rises with every change.

    What was sent or thrown away has no text; the row stays, so that a device that was offline takes no later draft
    for one that it knows.
    """

    class Mode(models.TextChoices):
        REPLY = "reply", "Reply"
        NOTE = "note", "Private note"

    conversation = OrganizationForeignKey(Conversation, on_delete=models.CASCADE, related_name="drafts")
    author = models.ForeignKey("tenancy.User", on_delete=models.CASCADE, related_name="+")
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.REPLY)
    body = models.TextField(blank=True)
    #: E-mail: copies, as they were typed.
    cc = models.CharField(max_length=2000, blank=True, default="")
    bcc = models.CharField(max_length=2000, blank=True, default="")
    #: Who it is to leave from, where somebody has chosen.
    sender = OrganizationForeignKey(
        SenderAccount, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    version = models.PositiveIntegerField(default=1)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["conversation", "author"], name="reply_draft_once"),
        ]


class CannedReply(OrganizationModel):
    """A text that people use again, with variables: one person's own, a client's, or everybody's."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    #: Only theirs; empty: the team's.
    owner = models.ForeignKey(
        "tenancy.User", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    name = models.CharField(max_length=60)
    body = models.TextField()
    #: Only offered on this channel; empty: on each.
    channel = models.CharField(max_length=16, choices=Channel.choices, blank=True)
    #: How often it has left, and how often they wrote again afterwards.
    uses = models.PositiveIntegerField(default=0)
    answers = models.PositiveIntegerField(default=0)
    changed_by = models.ForeignKey(
        "tenancy.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta(OrganizationModel.Meta):
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client", "owner", "name"],
                name="canned_reply_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return self.name


class ThreadMove(OrganizationModel):
    """A journal of threads that were merged, split or given to another lead, with all that is needed to undo it."""

    class Kind(models.TextChoices):
        MERGE = "merge", "Merged"
        SPLIT = "split", "Split"
        REHOME = "rehome", "Given to another lead"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    #: Where things came from, and where they went.
    source = OrganizationForeignKey(Conversation, on_delete=models.CASCADE, related_name="moves_out")
    target = OrganizationForeignKey(Conversation, on_delete=models.CASCADE, related_name="moves_in")
    #: Ids of what was moved, by kind, and what the rows said before.
    moved = models.JSONField(default=dict)
    actor = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
