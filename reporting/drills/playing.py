"""Playing a drill: an undisturbed run, a struck one, and the score."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog

from integrations.base import ManagesWebhooks, require
from integrations.errors import ProviderError
from integrations.models import Connection
from integrations.services.adapters import adapter_of
from project.core.scoping import organization_scope, platform_scope
from project.tenancy.access import Access, access_for
from project.tenancy.models import Organization, User
from project.tenancy.services import organizations
from reporting.demo import removal
from reporting.drills.catalogue import Drill, Struck
from reporting.drills.ground import Ground, NoGround, at_once, patiently
from reporting.drills.outreach import Outreach
from reporting.drills.scoring import Outcome, Score, judge
from reporting.services import alerts

log = structlog.get_logger(__name__)

#: How long an undisturbed run, and the way back from a fault, may take (seconds).
CALM_S: Final = 180.0
BACK_S: Final = 600.0
#: How exactly the notice is timed, and how often people do what they do next (seconds).
POLL_S: Final = 0.05
MOVE_S: Final = 0.5

Tell = Callable[[str], None]


def play(drill: Drill, ground: Ground, *, seconds: float | None = None, tell: Tell = log.info) -> Score:
    """Play a drill in an organization that is made for it and removed afterwards; ``tell`` hears how it goes.

    ``seconds`` is how long a fault that lasts is to last, if not as long as the drill says. What goes wrong
    afterwards, when all is put back, hides neither the score nor what broke before. Raises ``NoGround``.
    """
    mark = secrets.token_hex(3)
    ground.settings(autopilot=False, new_relation_delay_minutes=[0, 0])
    left: list[str] = []
    try:
        organization, user = _organization(f"drill-{mark}")
        try:
            with organization_scope(organization.id):
                lasts = seconds if seconds is not None and drill.lasts else drill.lasts
                score = _play(drill, ground, access_for(user, organization), mark, lasts, tell)
        finally:
            left += _tidied("the organization of the drill", lambda: _clear(organization))
    finally:
        left += _tidied("the sandbox's settings and faults", ground.restore)
    return replace(score, left_behind=left)


def _tidied(what: str, tidy: Callable[[], None]) -> list[str]:
    """Do one thing of the clean-up; return what is left behind if it fails, for it must not hide the score."""
    try:
        patiently(tidy)
    except Exception as error:
        log.exception("drill.left_behind", what=what)
        return [f"{what}: {type(error).__name__}: {error}"]
    return []


def _organization(slug: str) -> tuple[Organization, User]:
    with platform_scope("make the organization of a drill"):
        made = organizations.provision(
            name=f"Drill {slug}",
            slug=slug,
            admin_email=f"{slug}@drill.test",
            admin_name="Drill",
            admin_password=secrets.token_urlsafe(24),
            time_zone="UTC",
            capabilities={"linkedin_outreach": "unipile", "email_outreach": "smartlead"},
        )
    return made.organization, User.objects.get(email=f"{slug}@drill.test")


def _clear(organization: Organization) -> None:
    with organization_scope(organization.id):
        for connection in Connection.objects.all():
            try:
                adapter = require(adapter_of(connection), ManagesWebhooks)
                for hook in adapter.list_webhooks():
                    if connection.key in hook.url:
                        adapter.delete_webhook(hook.registration_id)
            except ProviderError as error:
                log.info("drill.webhooks_left", connection=str(connection.id), kind=error.kind)
    email = f"{organization.slug}@drill.test"
    removal.remove(organization.slug)
    with platform_scope("remove the person of a drill"):
        User.objects.filter(email=email).delete()


def _play(drill: Drill, ground: Ground, access: Access | None, mark: str, lasts: float, tell: Tell) -> Score:
    assert access is not None
    # Six people make no burst by the usual figures.
    for kind in ("provider_burst", "webhook_shapes"):
        alerts.set_rule(kind=kind, is_on=True, threshold=2, window_minutes=None, actor=access.user)
    began = time.monotonic()
    calm = drill.world(ground, access, f"calm{mark}")
    calm.launch()
    if not _until(lambda: _went_on(calm), ground, every=MOVE_S):
        raise NoGround(
            f"The undisturbed run did not end: {calm.state()}. Look at the installation first (manage.py doctor)."
        )
    undisturbed = Outcome.of(calm)
    tell(f"The undisturbed run took {time.monotonic() - began:.1f} s.")
    struck = Struck(ground, drill.world(ground, access, f"hard{mark}"))
    struck.outreach.launch()
    if not _until(lambda: _is_ripe(drill, struck), ground, every=POLL_S):
        raise NoGround("Nothing was sent in time, so that there was nothing to strike.")
    times = _times(drill, struck, undisturbed, lasts, tell)
    return judge(
        drill,
        patiently(lambda: Outcome.of(struck.outreach)),
        undisturbed,
        fault_s=lasts,
        detected_s=times.detected,
        recovered_s=times.recovered,
    )


@dataclass
class _Times:
    """What was measured so far, in seconds; ``begun`` and ``mended_at`` by the monotonic clock."""

    begun: float
    mended_at: float | None
    detected: float | None = None
    recovered: float | None = None

    @property
    def since(self) -> float:
        """Return the seconds since the strike."""
        return time.monotonic() - self.begun

    @property
    def is_given_up(self) -> bool:
        """Whether the way back has taken too long."""
        return self.mended_at is not None and time.monotonic() - self.mended_at > BACK_S


def _times(drill: Drill, struck: Struck, undisturbed: Outcome, lasts: float, tell: Tell) -> _Times:
    """Strike, and time the notice and the way back."""
    begun = time.monotonic()
    tell(f"Struck: {drill.title}.")
    drill.strike(struck)
    times = _Times(begun=begun, mended_at=None if lasts else begun)
    # It lasts until it was noticed, within reason: that it is noticed at all is part of the score.
    longest = max(lasts, drill.notice_within)
    next_move = 0.0
    while times.recovered is None and not times.is_given_up:
        if times.detected is None and at_once(lambda: drill.noticed(struck)):
            times.detected = times.since
            tell(f"Noticed after {times.detected:.1f} s.")
        if times.mended_at is None and times.since >= (lasts if times.detected is not None else longest):
            patiently(lambda: drill.mend(struck))
            times.mended_at = time.monotonic()
            tell(f"Mended after {times.since:.1f} s.")
        if time.monotonic() >= next_move:
            next_move = time.monotonic() + MOVE_S
            if at_once(lambda: _went_on(struck.outreach)) and times.mended_at is not None:
                is_same = at_once(lambda: struck.outreach.state() == undisturbed.state)
                times.recovered = time.monotonic() - times.mended_at if is_same else None
        struck.ground.wait(POLL_S)
    if times.recovered is not None:
        tell(f"As undisturbed {times.recovered:.1f} s after that.")
    while times.detected is None and times.since < drill.notice_within:
        times.detected = times.since if at_once(lambda: drill.noticed(struck)) else None
        struck.ground.wait(POLL_S)
    return times


def _is_ripe(drill: Drill, struck: Struck) -> bool:
    struck.outreach.go_on()
    return drill.ripe(struck)


def _went_on(outreach: Outreach) -> bool:
    outreach.go_on()
    return outreach.is_complete()


def _until(is_so: Callable[[], bool], ground: Ground, *, every: float) -> bool:
    until = time.monotonic() + CALM_S
    while time.monotonic() < until:
        if at_once(is_so):
            return True
        ground.wait(every)
    return False
