"""Macros: several acts under one name and one key."""

from __future__ import annotations

from django.db import models

from inbox.models.triage import Label
from inbox.models.writing import CannedReply
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class Macro(OrganizationModel):
    """A reply, a label, a person and an end, each if there is one: of one person, of a client, or of the team."""

    class Assign(models.TextChoices):
        """Whom the conversation is given to."""

        KEEP = "", "Leave it with whoever has it"
        ME = "me", "Whoever runs it"
        NOBODY = "nobody", "Nobody"
        PERSON = "person", "One person"

    class End(models.TextChoices):
        """What is done with the conversation in the end."""

        OPEN = "", "Leave it open"
        CLOSE = "close", "Close it"
        SNOOZE = "snooze", "Snooze it"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    #: Only theirs; empty: the team's.
    owner = models.ForeignKey(
        "tenancy.User", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    name = models.CharField(max_length=60)
    #: One digit that runs it; empty: it is run from the menu.
    key = models.CharField(max_length=1, blank=True)
    canned = OrganizationForeignKey(
        CannedReply, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    label = OrganizationForeignKey(Label, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    assign = models.CharField(max_length=8, choices=Assign.choices, blank=True)
    assignee = models.ForeignKey(
        "tenancy.User", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    end = models.CharField(max_length=8, choices=End.choices, blank=True)
    #: A preset of ``inbox.snoozing``, for ``SNOOZE``.
    snooze = models.CharField(max_length=10, blank=True)

    class Meta(OrganizationModel.Meta):
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client", "owner", "name"], name="macro_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.name
