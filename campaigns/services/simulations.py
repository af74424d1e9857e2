"""Simulations: asking for one, running it in the background, keeping what came out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q
from pydantic import ValidationError

from campaigns.models import Campaign, Simulation
from campaigns.services import campaigns, simulation_setup
from campaigns.simulation.forecast import forecast
from campaigns.simulation.script import Script
from project.core import collector
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.refusals import Invalid
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.models import User

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=5)
MAX_DAYS = 365
MAX_ATTEMPTS = 3
#: A simulation that nobody works on is looked for after this.
WAITS = timedelta(seconds=20)
KEPT = 20
"""Older simulations of a campaign are removed."""


class SimulationRefused(Invalid):
    """This cannot be simulated as asked; the message says why, ``details["field"]`` where."""


@transaction.atomic
def start(*, campaign: Campaign, days: int, script: dict[str, Any], actor: User) -> Simulation:
    """Ask for a simulation of the draft from now on. Raises ``SimulationRefused`` and ``NotSimulable``."""
    if not 1 <= days <= MAX_DAYS:
        raise SimulationRefused(f"Between 1 and {MAX_DAYS} days.", field="days")
    try:
        behaviour = Script.model_validate(script)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SimulationRefused(f"{place}: {first['msg']}.", field="script") from error
    simulation_setup.plan_for(campaign)
    made: Simulation = Simulation.objects.create(
        client_id=campaign.client_id,
        campaign=campaign,
        requested_by=actor,
        days=days,
        script=behaviour.model_dump(mode="json", exclude_defaults=True),
        starts_at=now(),
    )
    old = Simulation.objects.filter(campaign=campaign).order_by("-created_at", "-id")[KEPT:]
    Simulation.objects.filter(id__in=[row.id for row in old]).delete()
    audit.record(
        actor=actor, action="simulation.started", subject=made, client_id=campaign.client_id, days=days
    )
    from campaigns.tasks import simulate

    enqueue(simulate, simulation_id=made.id)
    campaigns.changed(campaign.id)
    return made


def forgotten() -> list[Simulation]:
    """Simulations that should be worked on and that no worker holds (for the sweeper; platform scope)."""
    waiting = Q(claimed_until=None, updated_at__lt=now() - WAITS) | Q(claimed_until__lt=now())
    return list(Simulation.objects.filter(waiting, state__in=("queued", "running")).order_by("id")[:10])


def work(*, simulation_id: UUID, seeds: int | None = None) -> None:
    """Run one simulation; returns at once when another worker has it. A third worker that dies with it fails it.

    ``seeds`` is how many runs are made, by default as many as the list needs.
    """
    free = Q(claimed_until=None) | Q(claimed_until__lt=now())
    rows = Simulation.objects.filter(free, id=simulation_id, state__in=("queued", "running"))
    if not compare_and_set(
        rows, state=Simulation.State.RUNNING, claimed_until=now() + LEASE, attempts=F("attempts") + 1
    ):
        return
    simulation = Simulation.objects.select_related("campaign", "campaign__client").get(id=simulation_id)
    if simulation.attempts > MAX_ATTEMPTS:
        _finish(simulation, Simulation.State.FAILED, error="It was interrupted again and again.")
        return
    try:
        loaded = simulation_setup.load(
            campaign=simulation.campaign, at=simulation.starts_at or now(), days=simulation.days
        )
    except simulation_setup.NotSimulable as refusal:
        _finish(simulation, Simulation.State.FAILED, error=str(refusal)[:300])
        return

    def tell(done: int, total: int) -> None:
        with transaction.atomic():
            Simulation.objects.filter(id=simulation.id).update(
                runs_done=done, runs_total=total, claimed_until=now() + LEASE, updated_at=now()
            )
            campaigns.changed(simulation.campaign_id)

    with collector.paused():
        found = forecast(loaded.setup, Script.model_validate(simulation.script), seeds=seeds, progress=tell)
    result = {**found.to_json(), "audience": loaded.audience, "conflicts": loaded.conflicts}
    _finish(simulation, Simulation.State.DONE, result=result)


def _finish(simulation: Simulation, state: str, **values: Any) -> None:
    with transaction.atomic():
        Simulation.objects.filter(id=simulation.id).update(
            state=state, claimed_until=None, finished_at=now(), updated_at=now(), **values
        )
        campaigns.changed(simulation.campaign_id)
    log.info("simulation.finished", simulation_id=str(simulation.id), state=state)
