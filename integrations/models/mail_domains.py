"""Domains that senders write from, and what the name service says about them."""

from __future__ import annotations

from django.db import models

from project.core.models import OrganizationModel


class MailDomain(OrganizationModel):
    """One sending domain of an organization with the outcome of its last check."""

    name = models.CharField(max_length=253)
    #: Set while a check is asked for and has not come back.
    requested_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    #: ``integrations.mail.authentication.Finding`` as JSON: spf, dkim, dmarc.
    findings = models.JSONField(default=list)
    #: When what stands there was last seen to be another than before.
    changed_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="mail_domain_once")]

    def __str__(self) -> str:
        return self.name
