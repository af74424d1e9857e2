"""People we approach, at companies, with the addresses that reach them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.db import models

from campaigns.lead_values import KINDS
from integrations.models import SenderAccount
from integrations.models.connections import Channel
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client

#: ``Lead.suppressed_until`` of those whom an entry without an end stands against.
FOR_GOOD: Final = datetime(9999, 1, 1, tzinfo=UTC)


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
        indexes = [
            models.Index(fields=["organization", "name", "id"], name="company_by_name"),
            models.Index(fields=["client", "name", "id"], name="company_of_client_by_name"),
        ]

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
    #: Whose lead this is: a member of the team, or nobody's.
    owner = models.ForeignKey(
        "tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    #: When somebody took it off the table. It is kept: who answers still finds their lead, and it can be put back.
    removed_at = models.DateTimeField(null=True)
    #: Removed because somebody said that it is the same person as another lead, which has all of it since.
    merged_into = OrganizationForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="merged", db_index=False
    )
    #: When everything that says who they are was erased.
    erased_at = models.DateTimeField(null=True)
    #: Until when an address of theirs is on the do-not-contact list (``FOR_GOOD`` without an end), kept by
    #: ``campaigns.services.suppression_marks``; for the table only, the list itself is asked before each send.
    suppressed_until = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        indexes = [
            models.Index(fields=["organization", "client", "-created_at", "-id"], name="lead_recent"),
            models.Index(fields=["organization", "-created_at", "-id"], name="lead_newest"),
            models.Index(
                fields=["organization", "-created_at", "-id"],
                name="lead_suppressed",
                condition=models.Q(suppressed_until__isnull=False),
            ),
            models.Index(
                fields=["organization", "owner", "-created_at", "-id"],
                name="lead_owned",
                condition=models.Q(owner__isnull=False),
            ),
            models.Index(
                fields=["merged_into"], name="lead_merged", condition=models.Q(merged_into__isnull=False)
            ),
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


class LeadField(OrganizationModel):
    """A custom field of a client's leads: what kind its values are. ``Lead.fields`` has them by name.

    Names that no row here defines hold any text.
    """

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=8, choices=list(KINDS.items()), default="text")
    #: Of a choice: what may be chosen.
    options = models.JSONField(default=list)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["client", "name"], name="lead_field_once")]
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Relation(OrganizationModel):
    """A first-degree connection between one of our seats and a person on the network."""

    sender = OrganizationForeignKey(SenderAccount, on_delete=models.CASCADE, related_name="+")
    lead = OrganizationForeignKey(Lead, on_delete=models.CASCADE, related_name="relations")
    connected_at = models.DateTimeField()

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["sender", "lead"], name="relation_once")]


class LeadLabel(OrganizationModel):
    """A word that people put on a lead."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    lead = OrganizationForeignKey(
        Lead, on_delete=models.CASCADE, related_name="labels", db_index=False
    )  # the unique constraint's index serves
    #: Lower case, without spaces around.
    name = models.CharField(max_length=40)

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["lead", "name"], name="lead_label_once")]
        indexes = [models.Index(fields=["organization", "name", "lead"], name="lead_label_by_name")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class LeadMerge(OrganizationModel):
    """Two leads that are one person: what was moved from one to the other, so that it can be moved back."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    kept = OrganizationForeignKey(Lead, on_delete=models.CASCADE, related_name="merges")
    other = OrganizationForeignKey(Lead, on_delete=models.CASCADE, related_name="+")
    actor = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    #: Why they were taken to be one person: sentences.
    evidence = models.JSONField(default=list)
    #: Ids of the rows that were moved, by the name of their table, and what the kept lead gained (``filled``).
    moved = models.JSONField(default=dict)
    undone_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        indexes = [models.Index(fields=["organization", "-created_at"], name="lead_merge_recent")]


class ErasedAddress(OrganizationModel):
    """What is left of an address of somebody who was erased: a digest, so that an import does not bring them back."""

    #: Before a digest that stands where a row has to have an address.
    MARK: Final = "erased:"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(max_length=16, choices=Channel.choices)
    #: ``campaigns.identity.digest`` of the normalised address.
    digest = models.CharField(max_length=64)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["client", "channel", "digest"], name="erased_address_once")
        ]
