"""Links to a client's report for people without a sign-in, and who looked."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from campaigns.models import Campaign
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class ShareLink(OrganizationModel):
    """A link that shows one report until it expires or is revoked. The token itself is stored nowhere."""

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    #: Empty: the client's whole report.
    campaign = OrganizationForeignKey(
        Campaign, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    name = models.CharField(max_length=120)
    token_hash = models.CharField(max_length=64, unique=True)
    #: A hash by Django's hashers; empty where none is asked for.
    password = models.CharField(max_length=128, blank=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(OrganizationModel.Meta):
        indexes = [models.Index(fields=["client", "-created_at", "-id"], name="share_link_recent")]

    def __str__(self) -> str:
        return self.name


class ShareView(OrganizationModel):
    """One look at a shared report."""

    link = OrganizationForeignKey(ShareLink, on_delete=models.CASCADE, related_name="views")
    viewed_at = models.DateTimeField(default=timezone.now)
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=200, blank=True)

    class Meta(OrganizationModel.Meta):
        indexes = [models.Index(fields=["link", "-viewed_at", "-id"], name="share_view_recent")]
