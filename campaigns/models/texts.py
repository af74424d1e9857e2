"""Texts that campaigns share."""

from __future__ import annotations

from django.db import models

from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class Snippet(OrganizationModel):
    """A piece of text that steps use by name. ``client`` empty: for all clients of the organization."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    #: What stands in ``{{ snippet.<name> }}``.
    name = models.CharField(max_length=40)
    text = models.TextField()
    changed_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client", "name"], name="snippet_once", nulls_distinct=False
            )
        ]
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name
