"""Playing a drill: an undisturbed run, a struck one, and the score."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import structlog

from integrations.base import ManagesWebhooks, require
from integrations.errors import ProviderError
from integrations.models import Connection
from integrations.services.adapters import adapter_of
from project.core.scoping import organization_scope, platform_scope
from project.tenancy.access import access_for
from project.tenancy.models import Organization, User
from project.tenancy.services import organizations
from reporting.demo import removal
from reporting.drills.catalogue import Drill, Struck
from reporting.drills.ground import Ground, NoGround, patiently
from reporting.drills.outreach import PEOPLE, Outreach
from reporting.services import alerts

log = structlog.get_logger(__name__)

#: How long an undisturbed run, and the way back from a fault, may take (seconds).
CALM_S: Final = 90.0
BACK_S: Final = 400.0
POLL_S: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a drill measured. Times are seconds from the strike to the notice, and from the mending to the same end."""

    name: str
    passed: bool
    detected_s: float | None
    recovered_s: float | None
    lost: int
    sent_twice: int
    same: bool
    problems: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def play(drill: Drill, ground: Ground) -> Score:
    """Play a drill in an organization that is made for it and removed afterwards. Raises ``NoGround``."""
    mark = secrets.token_hex(3)
    slug = f"drill-{mark}"
    ground.settings(autopilot=False, new_relation_delay_minutes=[0, 0])
    organization, user = _organization(slug)
    try:
        with organization_scope(organization.id):
            return _play(drill, ground, organization, user, mark)
    finally:
        ground.restore()
        patiently(lambda: _clear(organization))


def _organization(slug: str) -> tuple[Organization, User]:
    with platform_scope("make the organization of a drill"):
        made = organizations.provision(
            name=f"Drill {slug}",
            slug=slug,
            admin_email=f"{slug}@drill.test",
            admin_name="Drill",
            admin_password=secrets.token_urlsafe(24),
            time_zone="UTC",
            capabilities={"linkedin_outreach": "unipile"},
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


def _play(drill: Drill, ground: Ground, organization: Organization, user: User, mark: str) -> Score:
    access = access_for(user, organization)
    assert access is not None
    # Six people make no burst by the usual figures.
    alerts.set_rule(kind="provider_burst", is_on=True, threshold=2, window_minutes=None, actor=user)
    calm = Outreach(ground, access, f"calm{mark}")
    calm.launch()
    if not _until(lambda: _went_on(calm), seconds=CALM_S):
        raise NoGround("The undisturbed run did not end; look at the installation first (manage.py doctor).")
    expected, sends = calm.state(), _normal(calm.sent(), calm)
    outreach = Outreach(ground, access, f"hard{mark}")
    struck = Struck(ground, outreach)
    outreach.launch()
    if not _until(lambda: _is_ripe(drill, struck), seconds=CALM_S):
        raise NoGround("Nothing was sent in time, so that there was nothing to strike.")
    return _measured(drill, struck, expected, sends)


def _measured(
    drill: Drill, struck: Struck, expected: dict[int, dict[str, Any]], sends: Counter[str]
) -> Score:
    outreach = struck.outreach
    drill.strike(struck)
    begun = time.monotonic()
    mended_at: float | None = None if drill.lasts else begun
    detected: float | None = None
    recovered: float | None = None
    while recovered is None and time.monotonic() - (mended_at or time.monotonic()) < BACK_S:
        if detected is None and patiently(lambda: drill.noticed(struck)):
            detected = time.monotonic() - begun
        is_over = time.monotonic() - begun >= drill.lasts
        # A fault lasts until it was noticed, within reason: that it is noticed at all is part of the score.
        if (
            mended_at is None
            and is_over
            and (detected is not None or time.monotonic() - begun > 4 * drill.lasts)
        ):
            patiently(lambda: drill.mend(struck))
            mended_at = time.monotonic()
        complete = patiently(lambda: _went_on(outreach))
        if complete and mended_at is not None and (detected is not None or not drill.lasts):
            same = patiently(outreach.state) == expected
            recovered = time.monotonic() - mended_at if same else None
        time.sleep(POLL_S)
    if detected is None and patiently(lambda: drill.noticed(struck)):
        detected = time.monotonic() - begun
    return _score(drill, struck, expected, sends, detected, recovered)


def _is_ripe(drill: Drill, struck: Struck) -> bool:
    struck.outreach.go_on()
    return drill.ripe(struck)


def _went_on(outreach: Outreach) -> bool:
    outreach.go_on()
    return outreach.is_complete()


def _until(is_so: Callable[[], bool], *, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if patiently(is_so):
            return True
        time.sleep(POLL_S)
    return False


def _normal(sent: Counter[str], outreach: Outreach) -> Counter[str]:
    """Return what left, by what it says, without what tells two runs apart."""
    found: Counter[str] = Counter()
    for words, count in sent.items():
        if words.startswith("message: "):
            found[words.replace(outreach.word.capitalize(), "Person")] = count
    return found


def _score(
    drill: Drill,
    struck: Struck,
    expected: dict[int, dict[str, Any]],
    sends: Counter[str],
    detected: float | None,
    recovered: float | None,
) -> Score:
    outreach = struck.outreach
    state, sent = patiently(outreach.state), outreach.sent()
    left = _normal(sent, outreach)
    problems = [
        f"Person {number} ended as {state.get(number)}, undisturbed as {row}"
        for number, row in expected.items()
        if state.get(number) != row
    ]
    invitations = sum(1 for words in sent if words.startswith("invitation: "))
    missing = sum((sends - left).values()) + max(0, PEOPLE - invitations)
    unknown = sum(
        len(Counter(row["messages"]) - Counter(state.get(number, {}).get("messages", [])))
        for number, row in expected.items()
    )
    twice = sum(count - 1 for count in sent.values() if count > 1)
    if detected is None:
        problems.append("It was not noticed.")
    if twice:
        problems.extend(f"Left {count} times: {words}" for words, count in sent.items() if count > 1)
    lost = missing + unknown
    passed = not problems and not lost and not twice and recovered is not None
    return Score(
        name=drill.name,
        passed=passed,
        detected_s=None if detected is None else round(detected, 2),
        recovered_s=None if recovered is None else round(recovered, 2),
        lost=lost,
        sent_twice=twice,
        same=state == expected,
        problems=problems,
    )
