"""Who must not be contacted."""

from __future__ import annotations

from django.db import models

from integrations.models.connections import Channel
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class Suppression(OrganizationModel):
    """An address (or a whole e-mail domain) that must not be contacted, for one client or the whole organization.

    Kept by value, so it survives deletion and re-import of the lead.
    """

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    channel = models.CharField(max_length=16, choices=Channel.choices)
    #: Normalised address (see ``LeadChannel.normalized``) or domain.
    value = models.CharField(max_length=300)
    is_domain = models.BooleanField(default=False)
    reason = models.CharField(max_length=200, blank=True)
    #: ``person``, ``reply``, ``import``, ``unsubscribe``, ``bounce``, ...
    source = models.CharField(max_length=40)
    expires_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client", "channel", "value", "is_domain"],
                name="suppression_once",
                nulls_distinct=False,
            )
        ]
