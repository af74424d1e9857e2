"""Holding one person in a campaign that a provider runs. The enrollment says what is wanted (``paused`` or not), the
mirror's row what the provider was told (``held`` or ``added``); where they differ, the job tells it (``parts.holds``).
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F, Q

from campaigns.models import CampaignMirror, Enrollment, EnrollmentMirror
from campaigns.services.provider_runs import mirrors
from campaigns.services.provider_runs.people import OVER, PAUSED
from integrations import registry
from integrations.base import Capability
from integrations.running import LeadStatus
from project.core.clock import now
from project.core.refusals import Refused

State = EnrollmentMirror.State


def check(enrollment: Enrollment) -> None:
    """Raise ``Refused`` where the provider of an enrollment's campaign cannot hold one person."""
    provider = mirrors.of_campaign(enrollment.campaign_id).connection.provider
    if not registry.can(provider, Capability.HOLDS_LEADS):
        label = registry.label_of(provider)
        raise Refused(
            f"{label} runs this campaign and cannot hold one person. Stop them, or pause the whole campaign."
        )


def changed(enrollment: Enrollment) -> None:
    """Somebody was paused or resumed here: the provider is told (``due``), from the first try on."""
    rows = EnrollmentMirror.objects.filter(enrollment=enrollment, state__in=[State.ADDED, State.HELD])
    rows.update(attempts=0, not_before=now(), reason="", updated_at=now())
    mirrors.request(enrollment.campaign_id)


def due(mirror: CampaignMirror, limit: int) -> list[EnrollmentMirror]:
    """The next people who are paused here and not at the provider (``added``), or there and not here (``held``)."""
    active = Q(enrollment__status=Enrollment.Status.ACTIVE)
    rows = EnrollmentMirror.objects.filter(Q(state=State.ADDED) & PAUSED | Q(state=State.HELD) & active)
    rows = rows.filter(mirror=mirror, enrollment__campaign_id=mirror.campaign_id, not_before__lte=now())
    found: list[EnrollmentMirror] = list(
        rows.exclude(status__in=OVER)
        .select_related("enrollment__lead")
        .prefetch_related("enrollment__lead__channels")
        .order_by("not_before", "id")[:limit]
    )
    return found


def note(row: EnrollmentMirror, *, held: bool) -> None:
    """Keep that the provider waits with somebody, or goes on."""
    going = LeadStatus.IN_PROGRESS if row.step_number else LeadStatus.PENDING
    values = {
        "state": State.HELD if held else State.ADDED,
        "status": LeadStatus.PAUSED.value if held else going.value,
        "reason": "",
    }
    # Somebody who was stopped meanwhile stays to be stopped.
    EnrollmentMirror.objects.filter(id=row.id, state=row.state).update(**values, updated_at=now())


def failed(row: EnrollmentMirror, *, reason: str, wait: timedelta) -> None:
    """Try again later; by then the provider is asked first how it stands."""
    EnrollmentMirror.objects.filter(id=row.id).update(
        attempts=F("attempts") + 1, not_before=now() + wait, reason=reason[:300], updated_at=now()
    )
