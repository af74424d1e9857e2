"""The journal of acts on leads: what was done to whom, what could not be done, and how it is taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import models

from campaigns.models.leads import Lead
from project.core.models import OrganizationForeignKey, OrganizationModel

#: Acts and what is said of them when they are done, before "3 people".
LEAD_ACT_WORDS: Final[dict[str, str]] = {
    "assign": "Assigned",
    "label": "Labelled",
    "unlabel": "Took a label off",
    "enroll": "Added to the campaign",
    "suppress": "Put on the do-not-contact list",
    "stop": "Stopped the campaigns of",
    "remove": "Removed",
    "undo_import": "Took back an import for",
}
#: What taking an act back leaves as it is, said before it is done.
LEAD_ACT_KEEPS: Final[dict[str, str]] = {
    "enroll": "Whoever was written to meanwhile stays in the campaign.",
    "suppress": "Campaigns that stopped for it stay stopped.",
    "stop": "A stopped campaign cannot be taken up again where it was: this cannot be taken back.",
    "remove": "Campaigns that were stopped for it stay stopped.",
    "undo_import": "Campaigns that were stopped for it stay stopped.",
}
#: Acts that cannot be taken back.
FINAL_LEAD_ACTS: Final = frozenset({"stop"})
LEAD_ACT_UNDO_FOR: Final = timedelta(hours=24)
#: How long the journal says what was done and what failed.
LEAD_ACTS_KEPT: Final = timedelta(days=30)


class LeadAct(OrganizationModel):
    """One act of a person on one or many leads: how far it is, and whether it is being taken back."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        UNDOING = "undoing", "Being taken back"
        UNDONE = "undone", "Taken back"

    actor = models.ForeignKey("tenancy.User", on_delete=models.CASCADE, related_name="+")
    #: One of ``LEAD_ACT_WORDS``.
    act = models.CharField(max_length=12)
    #: What the act was given: ``{"owner": "..."}``.
    given = models.JSONField(default=dict)
    #: What was given in words: a name.
    about = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    total = models.PositiveIntegerField(default=0)
    #: Leads that were looked at; of them, those with whom it could not be done.
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    #: Taking back: leads that were looked at; of them, those that stay as they are.
    back = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)
    undone_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        indexes = [
            models.Index(fields=["organization", "actor", "-created_at"], name="lead_act_of_person"),
            models.Index(
                fields=["updated_at"],
                name="lead_act_running",
                condition=models.Q(state__in=["running", "undoing"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.act}, {self.total}"


class LeadActItem(OrganizationModel):
    """One lead of an act: what is needed to take it back, or why it could not be done."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        UNDONE = "undone", "Taken back"
        KEPT = "kept", "Stays as it is"

    entry = OrganizationForeignKey(
        LeadAct, on_delete=models.CASCADE, related_name="items", db_index=False
    )  # the unique constraint's index serves
    lead = OrganizationForeignKey(Lead, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    #: What the lead was before; empty where nothing changed.
    before = models.JSONField(default=dict)
    why = models.CharField(max_length=300, blank=True)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["entry", "lead"], name="lead_act_item_once")]
        indexes = [models.Index(fields=["entry", "state", "id"], name="lead_act_item_next")]
