"""A batch of due actions of one organization, loaded with a fixed number of queries however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from campaigns.models import Campaign, Company, Enrollment, EnrollmentSender, Lead, ScheduledAction
from campaigns.services.lanes import Lane
from campaigns.services.loading import Kept, addresses_of, light, made
from integrations.locks import try_lock_senders
from integrations.models import SenderAccount
from project.core.clock import now
from project.core.db.bulk import any_of

#: What the engine reads of each.
_ACTION = (
    "id", "organization_id", "enrollment_id", "kind", "node_id", "visit", "dedupe_key", "due_at", "held_by",
    "held_reason",
)  # fmt: skip
_ENROLLMENT = (
    "id", "organization_id", "client_id", "campaign_id", "plan_version_id", "lead_id", "status", "stage", "reason",
    "state", "node_id", "ended_at",
)  # fmt: skip
_LEAD = (
    "id", "organization_id", "client_id", "company_id", "first_name", "last_name", "title", "country", "time_zone",
    "fields",
)  # fmt: skip
_COMPANY = ("id", "organization_id", "name", "domain", "country")
_LINK = ("id", "organization_id", "enrollment_id", "channel", "choice", "sender_id")


@dataclass(slots=True)
class Item:
    """One due action with its locked enrollment and the lane it came from."""

    action: ScheduledAction
    enrollment: Enrollment
    lane: Lane


def load(claimed: Sequence[tuple[UUID, UUID, Lane]]) -> list[Item]:
    """Lock and load what can be worked on now, in the order of the claim.

    Nothing is waited for: actions whose enrollment, sender or queued messages somebody else works on are left for the
    next claim, so the engine can be in no deadlock over enrollments and senders.
    """
    # Their budgets are charged: whoever else charges an account holds its lock, so counters never wait across it.
    free = try_lock_senders({lane.sender_id for _, _, lane in claimed if lane.sender_id is not None})
    claimed = [row for row in claimed if row[2].sender_id is None or row[2].sender_id in free]
    enrollments = _locked({enrollment_id for _, enrollment_id, _ in claimed})
    if not enrollments:
        return []
    _drop_queued(enrollments, free)
    actions = {
        action.id: action
        for action in light(
            ScheduledAction.objects.filter(
                id__in=any_of([action_id for action_id, found, _ in claimed if found in enrollments]),
                state=ScheduledAction.State.DUE,
                due_at__lte=now(),
            ),
            _ACTION,
        )
    }
    _complete(enrollments.values())
    taken: set[UUID] = set()
    items = []
    for action_id, enrollment_id, lane in claimed:
        # One step of an enrollment at a time: the next action of the same one sees what this one did.
        if action_id in actions and enrollment_id in enrollments and enrollment_id not in taken:
            taken.add(enrollment_id)
            items.append(Item(actions[action_id], enrollments[enrollment_id], lane))
    return items


def _locked(enrollment_ids: set[UUID]) -> dict[UUID, Enrollment]:
    rows = (
        Enrollment.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(id__in=any_of(enrollment_ids))
        .exclude(status=Enrollment.Status.ENDED)
        .order_by("id")
    )
    to_company = len(_ENROLLMENT) + len(_LEAD)
    found = {}
    names = (
        *_ENROLLMENT,
        *(f"lead__{name}" for name in _LEAD),
        *(f"lead__company__{name}" for name in _COMPANY),
    )
    for values in rows.values_list(*names):
        row = made(Enrollment, _ENROLLMENT, values[: len(_ENROLLMENT)], rows.db)
        row.lead = made(Lead, _LEAD, values[len(_ENROLLMENT) : to_company], rows.db)
        company = values[to_company:]
        row.lead.company = made(Company, _COMPANY, company, rows.db) if company[0] else None
        found[row.id] = row
    return found


_QUEUED = """
SELECT outbound.enrollment_id, outbound.sender_id FROM integrations_outboundmessage AS outbound
WHERE outbound.lead_id = ANY(%(leads)s) AND outbound.enrollment_id = ANY(%(enrollments)s) AND outbound.state = 'queued'
"""


def _drop_queued(enrollments: dict[UUID, Enrollment], held: set[UUID]) -> None:
    """Leave enrollments out whose queued messages could have to be withdrawn while their sender is busy."""
    with connection.cursor() as cursor:
        cursor.execute(
            _QUEUED,
            {
                "leads": [enrollment.lead_id for enrollment in enrollments.values()],
                "enrollments": list(enrollments),
            },
        )
        queued = cursor.fetchall()
    if not queued:
        return
    held = held | try_lock_senders({sender_id for _, sender_id in queued} - held)
    for enrollment_id, sender_id in queued:
        if sender_id not in held:
            enrollments.pop(enrollment_id, None)


def _complete(enrollments: Iterable[Enrollment]) -> None:
    """Attach campaigns, senders and addresses: rows that many share are loaded once."""
    rows = list(enrollments)
    campaigns = Campaign.objects.select_related("client").in_bulk({row.campaign_id for row in rows})
    links = light(EnrollmentSender.objects.filter(enrollment__in=any_of([row.id for row in rows])), _LINK)
    senders = SenderAccount.objects.select_related("connection").in_bulk({link.sender_id for link in links})
    by_enrollment: dict[UUID, list[EnrollmentSender]] = {}
    for link in links:
        link.sender = senders[link.sender_id]
        by_enrollment.setdefault(link.enrollment_id, []).append(link)
    kept = Kept(EnrollmentSender.objects.all(), "sender_links")
    for row in rows:
        row.campaign = campaigns[row.campaign_id]
        row.client = row.campaign.client
        row.lead.client = row.campaign.client
        kept.keep(row, by_enrollment.get(row.id, []))
    addresses_of([row.lead for row in rows])
