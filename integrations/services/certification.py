"""Certification of sends: proves from the rows that nothing left twice, and lists what only the provider can
tell.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, F, Q

from integrations.models import OutboundMessage, SendAttempt
from project.core.clock import now

#: How many rows of each kind are listed; the counts are exact.
LISTED = 50
_LEFT = (SendAttempt.State.ACCEPTED, SendAttempt.State.SETTLED_SENT)

_OVERLAPPING = """
SELECT later.outbound_id
FROM integrations_sendattempt AS later
JOIN integrations_sendattempt AS earlier
  ON earlier.outbound_id = later.outbound_id AND earlier.number < later.number
WHERE earlier.state IN ('started', 'ambiguous', 'accepted', 'settled_sent')
   OR (earlier.state = 'settled_not_sent' AND earlier.finished_at > later.started_at)
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that is worth a look: its dedupe key, state and what is wrong, in plain words."""

    outbound_id: str
    dedupe_key: str
    state: str
    detail: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """The result. ``twice`` must be empty; ``ambiguous`` are uncertain now, ``given_up`` need a person."""

    checked: int
    sent: int
    twice: list[Finding]
    ambiguous: list[Finding]
    given_up: list[Finding]

    @property
    def ok(self) -> bool:
        """Whether nothing left twice and nobody has to decide anything."""
        return not self.twice and not self.given_up

    def as_json(self) -> dict[str, Any]:
        """Return the certificate as JSON types."""
        return {"ok": self.ok, **asdict(self)}


def certify() -> Certificate:
    """Look at all sends of the active scope."""
    rows = OutboundMessage.objects
    return Certificate(
        checked=rows.count(),
        sent=rows.filter(state=OutboundMessage.State.SENT).count(),
        twice=_twice(),
        ambiguous=_listed(_uncertain().exclude(_hopeless()), "The provider is being asked whether it left."),
        given_up=_listed(
            _uncertain().filter(_hopeless()), "The provider could not say; a person has to decide."
        ),
    )


def _twice() -> list[Finding]:
    rows = OutboundMessage.objects
    doubled = rows.annotate(left=Count("send_attempts", filter=Q(send_attempts__state__in=_LEFT))).filter(
        left__gt=1
    )
    found = _listed(doubled, "More than one attempt left.")
    with connection.cursor() as cursor:
        cursor.execute(_OVERLAPPING)
        overlapping = [row[0] for row in cursor.fetchall()]
    found += _listed(
        rows.filter(id__in=overlapping), "An attempt began before it was known what became of the one before."
    )
    keys = rows.values("organization_id", "dedupe_key").annotate(count=Count("id")).filter(count__gt=1)
    for key in keys[:LISTED]:
        found += _listed(rows.filter(dedupe_key=key["dedupe_key"]), "The dedupe key is there more than once.")
    shared = (
        rows.exclude(message_id="")
        .values("sender_id", "message_id")
        .annotate(count=Count("id"))
        .filter(count__gt=1)
    )
    for pair in shared[:LISTED]:
        same = rows.filter(sender_id=pair["sender_id"], message_id=pair["message_id"])
        found += _listed(same, "Two sends have the receipt of one message.")
    return found


def _uncertain() -> Any:
    late = Q(state=OutboundMessage.State.SENDING, claimed_until__lte=now())
    return OutboundMessage.objects.filter(Q(state=OutboundMessage.State.UNKNOWN) | late)


def _hopeless() -> Q:
    return Q(
        send_attempts__number=F("attempts"),
        send_attempts__state=SendAttempt.State.AMBIGUOUS,
        send_attempts__settle_after=None,
    )


def _listed(rows: Any, detail: str) -> list[Finding]:
    return [
        Finding(str(row.id), row.dedupe_key, row.state, detail)
        for row in rows.order_by("created_at").distinct()[:LISTED]
    ]
