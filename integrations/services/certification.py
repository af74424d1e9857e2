"""Certification of sends: proves from the rows that nothing left twice, and lists what only the provider can tell.

Every send has an intent (the outbox row), attempts (written before each call) and a receipt. The certificate checks
that the three agree, that no (lead, step, visit) left twice, and lists every attempt whose outcome was ever uncertain
with how it was settled.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q

from integrations.models import OutboundMessage, SendAttempt
from project.core.clock import now

#: How many rows of each kind are listed; the counts are exact.
LISTED = 50
_LEFT = (SendAttempt.State.ACCEPTED, SendAttempt.State.SETTLED_SENT)
_EVER_UNCERTAIN = (
    SendAttempt.State.AMBIGUOUS,
    SendAttempt.State.SETTLED_SENT,
    SendAttempt.State.SETTLED_NOT_SENT,
)

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
class Settlement:
    """An attempt whose outcome was uncertain: when it began, and what is known of it since."""

    outbound_id: str
    dedupe_key: str
    number: int
    started_at: str
    state: str
    settled_at: str
    detail: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """The result. ``twice`` and ``unproven`` must be empty; ``given_up`` need a person, ``ambiguous`` are asked about.

    ``attempts`` counts attempts by state; ``settlements`` are the newest attempts that were ever uncertain.
    """

    checked: int
    sent: int
    twice: list[Finding]
    unproven: list[Finding]
    ambiguous: list[Finding]
    given_up: list[Finding]
    attempts: dict[str, int] = field(default_factory=dict)
    settlements: list[Settlement] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing left twice, every send that left has its attempt, and nobody has to decide anything."""
        return not (self.twice or self.unproven or self.given_up)

    @property
    def groups(self) -> list[tuple[str, list[Finding]]]:
        """What was found, under the headings that people read."""
        return [
            ("Left twice", self.twice),
            ("Marked as sent without an attempt that left", self.unproven),
            ("Uncertain, the provider is being asked", self.ambiguous),
            ("Uncertain, a person has to decide", self.given_up),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the certificate as JSON types."""
        return {"ok": self.ok, **asdict(self)}


def certify() -> Certificate:
    """Look at all sends of the active scope."""
    rows = OutboundMessage.objects
    counts = SendAttempt.objects.order_by().values_list("state").annotate(count=Count("id"))
    return Certificate(
        checked=rows.count(),
        sent=rows.filter(state=OutboundMessage.State.SENT).count(),
        twice=_twice(),
        unproven=_unproven(),
        ambiguous=_listed(_uncertain().exclude(_hopeless()), "The provider is being asked whether it left."),
        given_up=_listed(
            _uncertain().filter(_hopeless()), "The provider could not say; a person has to decide."
        ),
        attempts=dict(counts),
        settlements=_settlements(),
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
    return [*found, *_same_step(), *_same_receipt()]


def _same_step() -> list[Finding]:
    """Sends of one lead, step and visit that left under different keys."""
    names = ("organization_id", "lead_id", "campaign_id", "node_id", "visit")
    left = OutboundMessage.objects.filter(
        origin=OutboundMessage.Origin.CAMPAIGN,
        lead_id__isnull=False,
        state__in=[OutboundMessage.State.SENT, OutboundMessage.State.SENDING, OutboundMessage.State.UNKNOWN],
    )
    groups = left.order_by().values(*names).annotate(count=Count("id")).filter(count__gt=1)
    found: list[Finding] = []
    for group in groups[:LISTED]:
        same = left.filter(**{name: group[name] for name in names})
        found += _listed(same, "One step of one lead left more than once.")
    return found


def _same_receipt() -> list[Finding]:
    rows = OutboundMessage.objects.exclude(message_id="")
    shared = rows.order_by().values("sender_id", "message_id").annotate(count=Count("id")).filter(count__gt=1)
    found: list[Finding] = []
    for pair in shared[:LISTED]:
        same = rows.filter(sender_id=pair["sender_id"], message_id=pair["message_id"])
        found += _listed(same, "Two sends have the receipt of one message.")
    return found


def _unproven() -> list[Finding]:
    """Rows that say that they left without an attempt that did; what needed no sending is none of them."""
    attempted = SendAttempt.objects.filter(outbound=OuterRef("pk"), state__in=_LEFT)
    sent = OutboundMessage.objects.filter(state=OutboundMessage.State.SENT, already="")
    return _listed(sent.exclude(Exists(attempted)), "It is marked as sent, and no attempt of it left.")


def _settlements() -> list[Settlement]:
    rows = (
        SendAttempt.objects.filter(state__in=_EVER_UNCERTAIN)
        .select_related("outbound")
        .order_by("-started_at", "-id")[:LISTED]
    )
    return [
        Settlement(
            outbound_id=str(row.outbound_id),
            dedupe_key=row.outbound.dedupe_key,
            number=row.number,
            started_at=row.started_at.isoformat(),
            state=row.get_state_display(),
            settled_at=row.finished_at.isoformat() if row.finished_at else "",
            detail=row.detail,
        )
        for row in rows
    ]


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
