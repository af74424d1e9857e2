"""Simulations of campaigns: what was asked, how far it is, what came out."""

from __future__ import annotations

from django.db import models

from campaigns.models.campaigns import Campaign
from project.core.models import OrganizationForeignKey, OrganizationModel
from project.tenancy.models import Client


class Simulation(OrganizationModel):
    """One simulation of a campaign's draft over its real list. ``result`` is ``Forecast.to_json`` and what the
    service adds (docs/plan-engine.md).
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    campaign = OrganizationForeignKey(Campaign, on_delete=models.CASCADE, related_name="simulations")
    requested_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    days = models.PositiveIntegerField(default=60)
    #: How people behave (``campaigns.simulation.script.Script``); what is left out has its default.
    script = models.JSONField(default=dict)
    starts_at = models.DateTimeField(null=True)
    runs_done = models.PositiveIntegerField(default=0)
    runs_total = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict)
    error = models.CharField(max_length=300, blank=True)
    claimed_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        indexes = [
            models.Index(fields=["campaign", "-created_at", "-id"], name="simulation_recent"),
            models.Index(
                fields=["updated_at"],
                name="simulation_open",
                condition=models.Q(state__in=["queued", "running"]),
            ),
        ]
