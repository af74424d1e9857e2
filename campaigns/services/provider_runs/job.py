"""The job that brings a provider in line with a campaign. The mirror's row is the truth; a message is only a hint.

``due > (claimed) > idle``, or ``blocked`` where a person has to act. One worker at a time holds the row by a lease;
``claims`` is the fence: a worker that was outrun writes nothing more. Every part commits what it did before the next
one begins, so that a worker may die anywhere: the next one goes on with what is not done yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db.models import F, Q

from campaigns.models import Campaign, CampaignMirror
from campaigns.services import live
from campaigns.services.provider_runs import mirrors, standing
from campaigns.services.provider_runs.sequence import Linear, of_version
from integrations.backoff import wait_after
from integrations.base import Adapter
from integrations.errors import Disposition, ErrorKind, ProviderError
from integrations.models import Connection
from integrations.services import connections
from integrations.services.adapters import adapter_of
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.tasks import enqueue

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(minutes=5)
#: A due job that nobody took up by then is found by the sweeper.
GRACE: Final = timedelta(seconds=10)
FIRST_WAIT_S: Final = 5.0
LONGEST_WAIT_S: Final = 900.0
#: What an unclear answer is given until the provider is asked again.
SETTLES_AFTER: Final = timedelta(seconds=20)
SWEEP_BATCH: Final = 200
Job = CampaignMirror.Job


class Outrun(Exception):
    """Another worker has taken the job up."""


@dataclass(slots=True)
class Work:
    """One claimed job: the mirror as it is kept, and what is needed to change the provider."""

    mirror: CampaignMirror
    adapter: Adapter
    label: str
    claims: int
    wanted: int
    #: Why nothing may run or be handed over now; ``""`` if it may.
    held: str = ""

    @property
    def campaign(self) -> Campaign:
        """The campaign."""
        found: Campaign = self.mirror.campaign
        return found

    @property
    def campaign_id(self) -> str:
        """The provider's id of the campaign."""
        return str(self.mirror.provider_campaign_id)

    @property
    def linear(self) -> Linear:
        """What is to be carried out: the launched version."""
        version_id = self.campaign.current_version_id
        return of_version(version_id) if version_id else Linear()

    def keep(self, **values: Any) -> None:
        """Store what was done and renew the lease. Raises ``Outrun``."""
        rows = CampaignMirror.objects.filter(id=self.mirror.id, claims=self.claims)
        if not compare_and_set(rows, claimed_until=now() + LEASE, updated_at=now(), **values):
            raise Outrun
        for name, value in values.items():
            setattr(self.mirror, name, value)


def bring_in_line(campaign_id: UUID) -> str:
    """Do what is due for a campaign at its provider; return what became of the job, ``""`` if it was not ours."""
    from campaigns.services.provider_runs.parts import PARTS  # parts take a ``Work``

    mirror = claim(campaign_id)
    if mirror is None:
        return ""
    held = standing.held(mirror, standing.circumstances([campaign_id]))
    # Kept even where nothing can be asked of the provider: the sweeper compares with it.
    CampaignMirror.objects.filter(id=mirror.id, claims=mirror.claims).update(held_reason=held[:300])
    try:
        adapter = adapter_of(mirror.connection)
    except ProviderError as error:
        return _failed(mirror, error)
    work = Work(mirror, adapter, mirrors.label_of(mirror), mirror.claims, mirror.wanted, held)
    try:
        for name, do in PARTS:
            work.keep(step=name, held_reason=held[:300])
            do(work)
    except Outrun:
        return "outrun"
    except ProviderError as error:
        return _failed(mirror, error)
    except Exception as error:
        log.exception("provider_run.broke", campaign=str(campaign_id), step=mirror.step)
        text = "It broke off here; it is tried again."
        problem = ProviderError(
            ErrorKind.UNAVAILABLE, text, provider=mirror.connection.provider, raw_type=type(error).__name__
        )
        return _failed(mirror, problem)
    return _done(mirror)


def claim(campaign_id: UUID) -> CampaignMirror | None:
    """Take a due job for the length of the lease; ``None`` if there is nothing to do or somebody else is at it."""
    at = now()
    rows = CampaignMirror.objects.filter(campaign_id=campaign_id, job=Job.DUE, not_before__lte=at)
    free = rows.filter(Q(claimed_until=None) | Q(claimed_until__lte=at))
    if not compare_and_set(free, claimed_until=at + LEASE, claims=F("claims") + 1, updated_at=at):
        return None
    found: CampaignMirror = (
        CampaignMirror.objects.select_related(
            "connection", "campaign", "campaign__client", "campaign__organization"
        )
        .filter(campaign_id=campaign_id)
        .get()
    )
    return found


def _done(mirror: CampaignMirror) -> str:
    """End the job; what was asked for meanwhile is due at once."""
    ours = CampaignMirror.objects.filter(id=mirror.id, claims=mirror.claims)
    values = {
        "claimed_until": None,
        "attempts": 0,
        "step": "",
        "error": "",
        "error_kind": "",
        "updated_at": now(),
    }
    if compare_and_set(ours.filter(wanted=mirror.wanted), job=Job.IDLE, **values):
        live.campaign_changed(mirror.campaign_id)
        return "done"
    if compare_and_set(ours, **values):
        hint(mirror.campaign_id, mirror.organization_id)
        return "again"
    return "outrun"


def _failed(mirror: CampaignMirror, error: ProviderError) -> str:
    """Try again later what may pass, and leave the rest to a person, in plain words."""
    attempts = mirror.attempts + 1
    passes = error.transient or error.kind is ErrorKind.INDETERMINATE
    pause = wait_after(attempts, first=FIRST_WAIT_S, cap=LONGEST_WAIT_S)
    if error.kind is ErrorKind.INDETERMINATE:
        pause = max(pause, SETTLES_AFTER.total_seconds())
    rows = CampaignMirror.objects.filter(id=mirror.id, claims=mirror.claims)
    values: dict[str, Any] = {
        "attempts": attempts,
        "not_before": now() + timedelta(seconds=error.retry_after or pause),
        "claimed_until": None,
        "error": error.message[:400],
        "error_kind": error.kind.value,
        "updated_at": now(),
    }
    # What was asked for meanwhile, a pause say, does not wait for a person.
    asked_since = not passes and not compare_and_set(
        rows.filter(wanted=mirror.wanted), job=Job.BLOCKED, **values
    )
    passes = passes or asked_since
    if passes and not compare_and_set(rows, job=Job.DUE, **values):
        return "outrun"
    log.info("provider_run.failed", campaign=str(mirror.campaign_id), kind=error.kind, step=mirror.step)
    if error.disposition is Disposition.FIX_CONNECTION:
        connection = Connection.objects.get(id=mirror.connection_id)
        connections.mark(connection, status=Connection.Status.FAILING, error=error.message)
    live.campaign_changed(mirror.campaign_id)
    return "later" if passes else "blocked"


def hint(campaign_id: UUID, organization_id: UUID) -> None:
    """Hand a job to the workers."""
    from campaigns.tasks import bring_in_line as task  # tasks call services

    enqueue(task, organization_id=organization_id, campaign_id=campaign_id)


def forgotten() -> list[tuple[UUID, UUID]]:
    """(campaign, organization) of jobs that are due and in nobody's hands (platform scope)."""
    at = now()
    rows = CampaignMirror.objects.filter(job=Job.DUE, not_before__lte=at - GRACE).filter(
        Q(claimed_until=None) | Q(claimed_until__lte=at)
    )
    late = CampaignMirror.objects.filter(job=Job.DUE, attempts__gt=0, not_before__lte=at, claimed_until=None)
    return list(
        (rows | late).order_by("not_before").values_list("campaign_id", "organization_id")[:SWEEP_BATCH]
    )
