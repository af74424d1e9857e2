"""Kill switches: organization, client, campaign, sender. A switch that exists stops; deleting it lets go."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import Q

from integrations.models import KillSwitch
from project.core.refusals import Invalid
from project.core.scoping import current_organization_id
from project.tenancy import audit
from project.tenancy.models import User

#: From the widest to the narrowest: the widest one that is on is the one that is named.
_ORDER = (
    KillSwitch.Level.ORGANIZATION,
    KillSwitch.Level.CLIENT,
    KillSwitch.Level.CAMPAIGN,
    KillSwitch.Level.SENDER,
)


def is_stopped(
    *, client_id: UUID | None, campaign_id: UUID | None = None, sender_id: UUID | None = None
) -> KillSwitch | None:
    """Return the widest switch that stops this, or ``None``."""
    targets = Q(level=KillSwitch.Level.ORGANIZATION, target_id=current_organization_id())
    named = (
        (KillSwitch.Level.CLIENT, client_id),
        (KillSwitch.Level.CAMPAIGN, campaign_id),
        (KillSwitch.Level.SENDER, sender_id),
    )
    for level, target_id in named:
        if target_id is not None:
            targets |= Q(level=level, target_id=target_id)
    on = {row.level: row for row in KillSwitch.objects.filter(targets)}
    return next((on[level] for level in _ORDER if level in on), None)


def stopped_targets() -> dict[str, set[UUID]]:
    """Return all switches that are on, by level: for claims that look at many rows at once."""
    stopped: dict[str, set[UUID]] = {level: set() for level in _ORDER}
    for level, target_id in KillSwitch.objects.values_list("level", "target_id"):
        stopped[level].add(target_id)
    return stopped


@transaction.atomic
def switch(*, level: str, target_id: UUID, on: bool, reason: str = "", actor: User | None) -> bool:
    """Switch sending off (``on``) or back on; return whether that changed anything.

    It takes effect on the next claim; what it held back is looked at again as soon as it is let go. The
    caller has checked that the target is the organization's own. Raises ``Invalid`` for an unknown level.
    """
    if level not in KillSwitch.Level.values:
        raise Invalid(f"There is no kill switch for {level!r}.", field="level")
    if on:
        row = KillSwitch(level=level, target_id=target_id, reason=reason[:200], switched_by=actor)
        KillSwitch.objects.bulk_create([row], ignore_conflicts=True)
        changed = bool(KillSwitch.objects.filter(id=row.id).exists())
    else:
        changed = bool(KillSwitch.objects.filter(level=level, target_id=target_id).delete()[0])
        if changed:
            from integrations.services import outbox

            outbox.release_holds(code="kill_switch")
    if changed:
        audit.record(
            actor=actor,
            action="kill_switch.on" if on else "kill_switch.off",
            level=level,
            target_id=str(target_id),
            reason=reason,
        )
    return changed
