"""People we approach, at companies, with the addresses that reach them."""

from __future__ import annotations

from django.db import models

from integrations.models import SenderAccount
from integrations.models.connections import Channel
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class Company(OrganizationModel):
    """An organisation that a client approaches."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=200)
    #: Lower-case name without legal form, to find the same company again.
    name_key = models.CharField(max_length=200)
    domain = models.CharField(max_length=200, blank=True)
    country = models.CharField(max_length=2, blank=True)
    fields = models.JSONField(default=dict)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["client", "name_key"], name="company_once")]

    def __str__(self) -> str:
        return self.name


class Lead(OrganizationModel):
    """A person that a client approaches."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    company = OrganizationForeignKey(
        Company, on_delete=models.SET_NULL, null=True, blank=True, related_name="leads"
    )
    first_name = models.CharField(max_length=120, blank=True)
    last_name = models.CharField(max_length=120, blank=True)
    title = models.CharField(max_length=200, blank=True)
    country = models.CharField(max_length=2, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    #: Custom columns of imports, by name.
    fields = models.JSONField(default=dict)

    class Meta(OrganizationModel.Meta):
        indexes = [
            models.Index(fields=["organization", "client", "-created_at", "-id"], name="lead_recent"),
            models.Index(fields=["organization", "-created_at", "-id"], name="lead_newest"),
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        """First and last name, or a plain fallback."""
        return f"{self.first_name} {self.last_name}".strip() or "Unnamed person"


class LeadChannel(OrganizationModel):
    """One address of a lead: e-mail, LinkedIn profile or phone."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    lead = OrganizationForeignKey(Lead, on_delete=models.CASCADE, related_name="channels")
    kind = models.CharField(max_length=16, choices=Channel.choices)
    #: As written; ``normalized`` is what is compared (lower-case e-mail, LinkedIn public identifier, E.164).
    value = models.CharField(max_length=300)
    normalized = models.CharField(max_length=300)
    #: LinkedIn: the network's id (``ACoAA...``) and member URN, learnt on first contact.
    provider_id = models.CharField(max_length=160, blank=True)
    member_urn = models.CharField(max_length=160, blank=True)
    #: E-mail and SMS: when a message came back for good. Other addresses of the lead are preferred from then on.
    bounced_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["client", "kind", "normalized"], name="lead_channel_once")
        ]
        indexes = [
            models.Index(fields=["organization", "kind", "provider_id"], name="lead_channel_provider"),
            models.Index(fields=["organization", "kind", "member_urn"], name="lead_channel_urn"),
            # Who works at the same company, by the domain of mail addresses.
            models.Index(
                models.F("client"),
                models.Func(
                    models.F("normalized"),
                    models.Value("@"),
                    models.Value(2),
                    function="split_part",
                    output_field=models.TextField(),
                ),
                name="lead_channel_domain",
                condition=models.Q(kind="email"),
            ),
        ]


class Relation(OrganizationModel):
    """A first-degree connection between one of our seats and a person on the network."""

    sender = OrganizationForeignKey(SenderAccount, on_delete=models.CASCADE, related_name="+")
    lead = OrganizationForeignKey(Lead, on_delete=models.CASCADE, related_name="relations")
    connected_at = models.DateTimeField()

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["sender", "lead"], name="relation_once")]
