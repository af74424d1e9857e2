"""Kill switches: platform, organization, client, campaign, step, sender. One that exists stops; deleting it lets go.

They take effect on the next claim, and dispatch asks again before each attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet, UUIDField, Value

from integrations.models import KillSwitch, PlatformSwitch
from project.core.refusals import Invalid
from project.core.scoping import current_organization_id
from project.tenancy import audit
from project.tenancy.access import Access
from project.tenancy.models import User

Level = KillSwitch.Level
#: From the widest to the narrowest: the widest one that is on is the one that is named.
_ORDER = (Level.ORGANIZATION, Level.CLIENT, Level.CAMPAIGN, Level.NODE, Level.SENDER)
_PLACES = {
    Level.ORGANIZATION: "this organization",
    Level.CLIENT: "this client",
    Level.CAMPAIGN: "this campaign",
    Level.NODE: "this step",
    Level.SENDER: "this sender",
}


@dataclass(frozen=True, slots=True)
class Stop:
    """A switch that is on: its level, and the sentence that is shown for what waits."""

    level: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Stops:
    """All switches that are on at one moment, to ask for many sends."""

    organization_id: UUID
    on: dict[tuple[str, UUID, str], str] = field(default_factory=dict)
    platform: Stop | None = None

    def of(
        self,
        *,
        client_id: UUID | None,
        campaign_id: UUID | None = None,
        sender_id: UUID | None = None,
        node_id: str = "",
    ) -> Stop | None:
        """Return the widest switch that stops a send, or ``None``."""
        if self.platform is not None or not self.on:
            return self.platform
        targets = {
            Level.ORGANIZATION: self.organization_id,
            Level.CLIENT: client_id,
            Level.CAMPAIGN: campaign_id,
            Level.NODE: campaign_id if node_id else None,
            Level.SENDER: sender_id,
        }
        for level in _ORDER:
            target = targets[level]
            if target is None:
                continue
            reason = self.on.get((level, target, node_id if level == Level.NODE else ""))
            if reason is not None:
                return Stop(level, _sentence(_PLACES[level], reason))
        return None


def _sentence(place: str, reason: str) -> str:
    return f"Sending is switched off for {place}{f' ({reason})' if reason else ''}."


def load() -> Stops:
    """Read every switch that is on for the current organization: one query, for any number of sends."""
    whole = PlatformSwitch.objects.order_by().values_list(
        Value("platform"), Value(None, output_field=UUIDField()), Value(""), "reason"
    )
    rows = KillSwitch.objects.order_by().values_list("level", "target_id", "node_id", "reason")
    stops = Stops(organization_id=current_organization_id())
    platform = None
    for level, target_id, node_id, reason in rows.union(whole, all=True):
        if target_id is None:
            platform = Stop("platform", _sentence("the whole platform", reason))
        else:
            stops.on[level, target_id, node_id] = reason
    return replace(stops, platform=platform)


def is_stopped(
    *,
    client_id: UUID | None,
    campaign_id: UUID | None = None,
    sender_id: UUID | None = None,
    node_id: str = "",
) -> Stop | None:
    """Return the widest switch that stops this, or ``None``."""
    return load().of(client_id=client_id, campaign_id=campaign_id, sender_id=sender_id, node_id=node_id)


@transaction.atomic
def switch(
    *, level: str, target_id: UUID, on: bool, reason: str = "", node_id: str = "", actor: User | None
) -> bool:
    """Switch sending off (``on``) or back on; return whether that changed anything.

    It takes effect on the next claim; what it held back is looked at again as soon as it is let go. The
    caller has checked that the target is the organization's own. Raises ``Invalid`` for an unknown level, and for a
    step without its id.
    """
    if level not in KillSwitch.Level.values:
        raise Invalid(f"There is no kill switch for {level!r}.", field="level")
    if (level == Level.NODE) != bool(node_id):
        raise Invalid("A step is named by its campaign and its id.", field="node_id")
    if on:
        row = KillSwitch(
            level=level, target_id=target_id, node_id=node_id, reason=reason[:200], switched_by=actor
        )
        KillSwitch.objects.bulk_create([row], ignore_conflicts=True)
        changed = bool(KillSwitch.objects.filter(id=row.id).exists())
    else:
        rows: QuerySet[KillSwitch] = KillSwitch.objects.filter(
            level=level, target_id=target_id, node_id=node_id
        )
        changed = bool(rows.delete()[0])
        if changed:
            _let_go()
    if changed:
        audit.record(
            actor=actor,
            action="kill_switch.on" if on else "kill_switch.off",
            level=level,
            target_id=str(target_id),
            node_id=node_id,
            reason=reason,
        )
    return changed


def switch_platform(*, on: bool, reason: str = "", actor: User | None) -> bool:
    """Switch off (``on``) or back on all sending of the installation; return whether that changed anything.

    What waits looks again by itself within minutes. Platform staff only; the caller has checked that.
    """
    if on:
        row = PlatformSwitch(reason=reason[:200], switched_by=actor)
        PlatformSwitch.objects.bulk_create([row], ignore_conflicts=True)
        return bool(PlatformSwitch.objects.filter(id=row.id).exists())
    return bool(PlatformSwitch.objects.all().delete()[0])


@dataclass(frozen=True, slots=True)
class Target:
    """Something of a room above that has a switch: shown beside organizations, clients and senders."""

    level: str
    id: UUID
    name: str
    client_id: UUID


Targets = Callable[[Access], list[Target]]
_targets: dict[str, Targets] = {}


def register_targets(id: str, targets: Targets) -> None:  # noqa: A002 (the word used for all registrations)
    """Register a room's own things that can be stopped. Registering an id again replaces it."""
    _targets[id] = targets


def targets_of(access: Access) -> list[Target]:
    """All registered things within reach."""
    return [target for targets in _targets.values() for target in targets(access)]


def _let_go() -> None:
    from integrations.services import outbox  # it reads switches

    outbox.release_holds(code="kill_switch")
