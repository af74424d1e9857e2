"""The audit log: who did what, append-only."""

from __future__ import annotations

import json

from django.db import models

from project.core.isolation import AppendOnly
from project.core.models import OrganizationModel


class AuditEntry(AppendOnly, OrganizationModel):
    """One act of a person or of the system. The application role may insert and read, never change or delete."""

    actor = models.ForeignKey(
        "tenancy.User", on_delete=models.DO_NOTHING, null=True, related_name="+", db_constraint=False
    )
    #: Name at the time of the act, kept when the user goes.
    actor_name = models.CharField(max_length=160)
    #: Dotted past tense, e.g. ``conversation.assigned``.
    action = models.CharField(max_length=80)
    client_id = models.UUIDField(null=True)
    subject_type = models.CharField(max_length=40, blank=True)
    subject_id = models.UUIDField(null=True)
    subject_label = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    address = models.GenericIPAddressField(null=True)

    class Meta(OrganizationModel.Meta):
        indexes = [
            models.Index(fields=["organization", "-created_at", "-id"], name="audit_recent"),
            models.Index(fields=["organization", "subject_type", "subject_id"], name="audit_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action}"

    @property
    def data_text(self) -> str:
        """The facts of the entry as readable text."""
        return json.dumps(self.data, indent=2, ensure_ascii=False)
