"""What providers refused or failed, counted by minute."""

from __future__ import annotations

from django.db import models

from project.core.models import OrganizationModel


class ProviderFailure(OrganizationModel):
    """How often one kind of error came from one call of one account within one minute.

    A row a minute and kind bounds what a storm of errors can write. No database constraints on connection and sender:
    what went wrong outlives them, until ``services.failures.trim`` forgets it.
    """

    minute = models.DateTimeField()
    connection_id = models.UUIDField()
    #: Null where the call was not about one of our accounts.
    sender_id = models.UUIDField(null=True)
    provider = models.CharField(max_length=32)
    #: ``integrations.errors.ErrorKind``.
    kind = models.CharField(max_length=24)
    #: Whether it passes by itself.
    is_transient = models.BooleanField()
    #: The call of the adapter, e.g. ``send_message``.
    route = models.CharField(max_length=60)
    count = models.PositiveIntegerField(default=1)
    last_at = models.DateTimeField()
    #: The newest one: HTTP status, the vendor's own word, and the sentence for people.
    status = models.PositiveSmallIntegerField(null=True)
    raw_type = models.CharField(max_length=120, blank=True)
    message = models.TextField(blank=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "connection_id", "sender_id", "kind", "route", "minute"],
                name="provider_failure_once",
                nulls_distinct=False,
            )
        ]
        indexes = [
            models.Index(fields=["organization", "-minute"], name="provider_failure_recent"),
            models.Index(fields=["minute"], name="provider_failure_old"),
        ]
