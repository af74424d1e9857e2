"""Organization (the agency), Client (its customer) and Entitlement (what a client may use, through which provider)."""

from __future__ import annotations

from django.db import models

from project.core.models import OrganizationForeignKey, OrganizationModel, PlainModel


class Capability(models.TextChoices):
    """A way of reaching people that an organization or client may be entitled to."""

    LINKEDIN_OUTREACH = "linkedin_outreach", "LinkedIn outreach"
    EMAIL_OUTREACH = "email_outreach", "E-mail outreach"
    SMS_OUTREACH = "sms_outreach", "SMS outreach"


class Organization(PlainModel):
    """The tenant: an agency."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class Client(OrganizationModel):
    """A customer of the agency: owner of campaigns, senders, leads and conversations."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60)
    #: One of the eight client colours of the design language (c1..c8).
    colour = models.PositiveSmallIntegerField(default=1)
    time_zone = models.CharField(max_length=64, default="UTC")
    is_archived = models.BooleanField(default=False)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organization", "slug"], name="client_slug_once"),
            models.CheckConstraint(condition=models.Q(colour__range=(1, 8)), name="client_colour_1_8"),
        ]
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Entitlement(OrganizationModel):
    """Grants a capability through one provider, to one client or (``client`` empty) to the whole organization."""

    client = OrganizationForeignKey(
        Client, on_delete=models.CASCADE, null=True, blank=True, related_name="entitlements"
    )
    capability = models.CharField(max_length=32, choices=Capability.choices)
    provider = models.CharField(max_length=32)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client", "capability"],
                name="entitlement_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{Capability(self.capability).label} through {self.provider}"
