"""What a team adds to conversations: labels, saved views, and the journal of acts that can be undone."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import models

from inbox.models.conversations import Conversation
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client

#: Acts and what is said of them when they are done, before "3 conversations".
ACT_WORDS: Final[dict[str, str]] = {
    "assign": "Assigned",
    "close": "Closed",
    "reopen": "Opened",
    "snooze": "Snoozed",
    "label": "Labelled",
    "unlabel": "Took a label off",
    "priority": "Ranked",
    "read": "Marked read",
    "unread": "Marked unread",
    "macro": "Ran a macro on",
}
#: What undoing an act leaves as it is.
CANNOT_UNDO: Final[dict[str, str]] = {
    "assign": "A hand-over note stays in the thread.",
    "macro": "A reply that has left stays sent.",
}
UNDO_FOR: Final = timedelta(hours=24)
#: How long the journal says what was done and what failed.
JOURNAL_KEPT: Final = timedelta(days=30)


class Label(OrganizationModel):
    """A word that people put on conversations: of one client, or (``client`` empty) of all."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=40)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client", "name"], name="label_once", nulls_distinct=False
            )
        ]
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class ConversationLabel(OrganizationModel):
    """A label on a conversation, and who put it there."""

    conversation = OrganizationForeignKey(Conversation, on_delete=models.CASCADE, related_name="label_links")
    label = OrganizationForeignKey(Label, on_delete=models.CASCADE, related_name="links")
    added_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["conversation", "label"], name="conversation_label_once")
        ]


class SavedView(OrganizationModel):
    """Filters under a name: of its owner, or shared with everybody who reads the inbox."""

    owner = models.ForeignKey("tenancy.User", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=60)
    is_shared = models.BooleanField(default=False)
    #: The parameters of the list's address (``inbox.filters``), in their normal form.
    query = models.CharField(max_length=1000)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organization", "owner", "name"], name="saved_view_once")
        ]
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class JournalEntry(OrganizationModel):
    """One act of a person on one or many conversations: how far it is, what failed, and how it is taken back."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        UNDOING = "undoing", "Being taken back"
        UNDONE = "undone", "Undone"

    actor = models.ForeignKey("tenancy.User", on_delete=models.CASCADE, related_name="+")
    #: One of ``ACT_WORDS``.
    act = models.CharField(max_length=20)
    #: What the act was given: ``{"assignee": "..."}``.
    given = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    #: What could not be done: ``[{"conversation": id, "title": "...", "why": "..."}]``.
    failures = models.JSONField(default=list)
    #: Undoing, how many have been looked at, and what had changed since and stays: the same shape.
    back = models.PositiveIntegerField(default=0)
    kept = models.JSONField(default=list)
    undone_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        indexes = [
            models.Index(fields=["organization", "actor", "-created_at"], name="journal_of_person"),
            models.Index(
                fields=["updated_at"],
                name="journal_unfinished",
                condition=models.Q(state__in=["running", "undoing"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.act}, {self.total}"


class JournalItem(OrganizationModel):
    """One conversation of an act: what it was before and after, to be restored if nobody changed it since."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        UNDONE = "undone", "Taken back"
        KEPT = "kept", "Stays, for somebody changed it since"

    entry = OrganizationForeignKey(JournalEntry, on_delete=models.CASCADE, related_name="items")
    conversation = OrganizationForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["entry", "conversation"], name="journal_item_once")]
        indexes = [models.Index(fields=["entry", "state", "id"], name="journal_item_next")]
