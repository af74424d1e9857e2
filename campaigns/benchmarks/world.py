"""A world for the ``engine`` benchmark: organizations, senders, running campaigns, enrollments with a send that is due.

Rows are made by SQL as the owner of the tables, without the checks that the product makes when it writes them one by
one. Everything belongs to organizations of its own and goes away with them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from campaigns.models import Campaign, CampaignSender, PlanVersion
from campaigns.plans import interpreter
from campaigns.plans.canonical import plan_hash
from campaigns.plans.schema import Plan
from campaigns.plans.state import context_for, to_json
from campaigns.scheduling import Calendar
from campaigns.services import lanes
from integrations.models import Connection, SenderAccount
from project.core.clock import now
from project.core.db.base import owner_connection
from project.core.ids import uuid7
from project.core.scoping import no_scope, organization_scope, platform_scope
from project.tenancy.models import Capability, Client, Entitlement, Organization

ORGANIZATIONS = 10
SENDERS = 200
#: Sends all day, every day, so that the calendar is asked and never in the way.
_ALWAYS: dict[str, Any] = {"weekdays": list(range(7)), "start": "00:00", "end": "00:00"}

PLAN: dict[str, Any] = {
    "version": "1.0",
    "timezone": "UTC",
    "startNodeId": "invite",
    "nodes": [
        {
            "id": "invite", "type": "send", "channel": "linkedin", "action": "invite",
            "content": {
                "note": "Hi {{ lead.first_name | default: 'there' }}, I read about {{ company.name }} and month-end. "
                "{Shall we connect?|Happy to connect.} {{ sender.first_name }}"
            },
            "transitions": [
                {"on": "accepted", "to": "message"}, {"on": "no_accept", "after": "P14D", "to": "give_up"},
            ],
        },
        {
            "id": "message", "type": "send", "channel": "linkedin", "action": "message",
            "content": {"text": "Thanks, {{ lead.first_name | default: 'you' }}."},
            "transitions": [{"on": "no_reply", "after": "P7D", "to": "give_up"}],
        },
        {"id": "give_up", "type": "stop", "outcome": "completed"},
    ],
}  # fmt: skip

_LEADS = """
WITH made AS (
    INSERT INTO campaigns_company (id, organization_id, created_at, updated_at, client_id, name, name_key, domain,
        country, fields)
    SELECT gen_random_uuid(), %(organization)s, %(now)s, %(now)s, %(client)s, 'Company ' || number,
        'company ' || number, 'company' || number || '.test', 'SE', '{}'
    FROM generate_series(1, %(leads)s) AS number
    RETURNING id, name
)
INSERT INTO campaigns_lead (id, organization_id, created_at, updated_at, client_id, company_id, first_name, last_name,
    title, country, time_zone, fields)
SELECT gen_random_uuid(), %(organization)s, %(now)s, %(now)s, %(client)s, id, 'Ada', name, 'Controller', 'SE', '', '{}'
FROM made
"""

_ADDRESSES = """
INSERT INTO campaigns_leadchannel (id, organization_id, created_at, updated_at, client_id, lead_id, kind, value,
    normalized, provider_id, member_urn)
SELECT gen_random_uuid(), organization_id, %(now)s, %(now)s, client_id, id, 'linkedin',
    'https://www.linkedin.com/in/' || id, id::text, 'ACoAA' || replace(id::text, '-', ''), ''
FROM campaigns_lead WHERE organization_id = %(organization)s
"""

_ENROLLMENTS = """
INSERT INTO campaigns_enrollment (id, organization_id, created_at, updated_at, client_id, campaign_id, plan_version_id,
    lead_id, status, stage, reason, state, node_id)
SELECT gen_random_uuid(), organization_id, %(now)s, %(now)s, client_id, %(campaign)s, %(version)s, id, 'active',
    'pending', '', %(state)s::jsonb, 'invite'
FROM campaigns_lead WHERE organization_id = %(organization)s
"""

_SENDERS = """
WITH numbered AS (
    SELECT id, created_at, row_number() OVER (ORDER BY id) AS number FROM campaigns_enrollment
    WHERE organization_id = %(organization)s
)
INSERT INTO campaigns_enrollmentsender (id, organization_id, created_at, updated_at, enrollment_id, channel, choice,
    sender_id, reason, assigned_at)
SELECT gen_random_uuid(), %(organization)s, %(now)s, %(now)s, id, 'linkedin', '',
    (%(senders)s::uuid[])[1 + number %% array_length(%(senders)s::uuid[], 1)], 'The most room.', %(now)s
FROM numbered
"""

_ACTIONS = """
INSERT INTO campaigns_scheduledaction (id, organization_id, created_at, updated_at, client_id, enrollment_id,
    campaign_id, sender_id, kind, node_id, visit, detail, dedupe_key, due_at, state, attempts, held_by, held_reason)
SELECT gen_random_uuid(), enrollment.organization_id, %(now)s, %(now)s, enrollment.client_id, enrollment.id,
    enrollment.campaign_id, link.sender_id, 'send', 'invite', 1, '{}', 'invite:1:send', %(now)s, 'due', 0, '', ''
FROM campaigns_enrollment AS enrollment
JOIN campaigns_enrollmentsender AS link ON link.enrollment_id = enrollment.id
WHERE enrollment.organization_id = ANY(%(organizations)s)
"""

#: Timers of the coming months: what a big installation has scheduled besides what is due.
_LATER = """
INSERT INTO campaigns_scheduledaction (id, organization_id, created_at, updated_at, client_id, enrollment_id,
    campaign_id, sender_id, kind, node_id, visit, detail, dedupe_key, due_at, state, attempts, held_by, held_reason)
SELECT gen_random_uuid(), organization_id, %(now)s, %(now)s, client_id, enrollment_id, campaign_id, sender_id, 'timer',
    'invite', 1, '{}', 'later:' || number, %(now)s + make_interval(days => 7, secs => number * 97), 'due', 0, '', ''
FROM campaigns_scheduledaction CROSS JOIN generate_series(1, %(times)s) AS number
WHERE dedupe_key = 'invite:1:send' AND organization_id = ANY(%(organizations)s)
"""

_RESET = (
    "DELETE FROM integrations_outboundmessage WHERE organization_id = ANY(%(organizations)s)",
    "DELETE FROM integrations_rateusage WHERE organization_id = ANY(%(organizations)s)",
    "DELETE FROM core_streamevent WHERE organization_id = ANY(%(organizations)s)",
    "DELETE FROM campaigns_transition WHERE organization_id = ANY(%(organizations)s)",
    """DELETE FROM campaigns_scheduledaction
    WHERE dedupe_key = 'invite:1:send' AND organization_id = ANY(%(organizations)s)""",
    """UPDATE campaigns_enrollment
    SET state = %(state)s::jsonb, stage = 'pending', status = 'active', node_id = 'invite'
    WHERE organization_id = ANY(%(organizations)s)""",
    "UPDATE campaigns_enginelane SET claimed_until = NULL WHERE organization_id = ANY(%(organizations)s)",
    _ACTIONS,
)

_TABLES = (
    "integrations_sendattempt", "integrations_outboundmessage", "integrations_rateusage", "core_streamevent",
    "core_streamcounter", "campaigns_transition", "campaigns_scheduledaction", "campaigns_enginelane",
    "campaigns_enrollmentsender", "campaigns_enrollment", "campaigns_leadchannel", "campaigns_lead",
    "campaigns_company", "campaigns_campaignsender",
)  # fmt: skip
_ANALYZED = (
    "campaigns_scheduledaction", "campaigns_enrollment", "campaigns_enrollmentsender", "campaigns_lead",
    "campaigns_leadchannel", "campaigns_enginelane", "integrations_outboundmessage", "integrations_rateusage",
)  # fmt: skip


@dataclass(slots=True)
class World:
    """The organizations of one run."""

    leads_each: int
    organizations: list[UUID] = field(default_factory=list)
    state: str = ""

    @property
    def size(self) -> int:
        """How many sends are due after a reset."""
        return self.leads_each * len(self.organizations)

    def reset(self, *, keep: int | None = None) -> None:
        """Make every send due again, as if nothing had ever left; of ``keep`` leads only."""
        self._as_owner(_RESET)
        if keep is not None:
            self._as_owner(
                (
                    f"""DELETE FROM campaigns_scheduledaction WHERE dedupe_key = 'invite:1:send'
                    AND organization_id = ANY(%(organizations)s) AND id NOT IN (
                        SELECT id FROM campaigns_scheduledaction WHERE dedupe_key = 'invite:1:send'
                        AND organization_id = ANY(%(organizations)s) ORDER BY enrollment_id LIMIT {int(keep)}
                    )""",  # noqa: S608 (a number)
                )
            )
        self._analyze()

    def add_later(self, times: int) -> None:
        """Schedule ``times`` more actions for each enrollment, for later."""
        self._as_owner((_LATER,), times=times)
        self._analyze()

    def left(self) -> int:
        """How many sends are still due."""
        with platform_scope("count what is left"), connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM campaigns_scheduledaction WHERE state = 'due' AND dedupe_key = 'invite:1:send'"
                " AND organization_id = ANY(%s)",
                [self.organizations],
            )
            return int(cursor.fetchone()[0])

    def queued(self) -> int:
        """How many sends are in the outbox."""
        with platform_scope("count the outbox"), connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM integrations_outboundmessage WHERE organization_id = ANY(%s)",
                [self.organizations],
            )
            return int(cursor.fetchone()[0])

    def _as_owner(self, statements: tuple[str, ...], **values: Any) -> None:
        with owner_connection(), platform_scope("benchmark"), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(
                    statement,
                    {"organizations": self.organizations, "state": self.state, "now": now(), **values},
                )

    def _analyze(self) -> None:
        with owner_connection(), connection.cursor() as cursor:
            for table in _ANALYZED:
                cursor.execute(f"VACUUM (ANALYZE) {table}")


@contextmanager
def world(leads: int, *, organizations: int = ORGANIZATIONS, senders: int = SENDERS) -> Iterator[World]:
    """Make a world of ``leads`` due sends, and take it away again."""
    made = World(leads_each=leads // organizations)
    at = now()
    try:
        for number in range(organizations):
            _organization(made, number, senders // organizations, at)
        with platform_scope("benchmark"):
            lanes.prepare()
        made.reset()
        yield made
    finally:
        _remove(made)


def _organization(made: World, number: int, senders: int, at: datetime) -> None:
    mark = uuid7().hex
    organization = Organization.objects.create(name=f"Engine {number}", slug=f"engine-{mark}")
    made.organizations.append(organization.id)
    with no_scope(), organization_scope(organization.id):
        client = Client.objects.create(name="Client", slug="client")
        Entitlement.objects.create(client=None, capability=Capability.LINKEDIN_OUTREACH, provider="unipile")
        seats = [_sender(client, mark, index) for index in range(senders)]
        campaign = Campaign.objects.create(
            client=client,
            name="Campaign",
            status=Campaign.Status.ACTIVE,
            window=_ALWAYS,
            audience={"kind": "all"},
        )
        CampaignSender.objects.bulk_create([CampaignSender(campaign=campaign, sender=seat) for seat in seats])
        plan = Plan.model_validate(PLAN)
        version = PlanVersion.objects.create(
            campaign=campaign,
            number=1,
            plan=plan.model_dump(mode="json", by_alias=True),
            plan_hash=plan_hash(plan),
        )
        Campaign.objects.filter(id=campaign.id).update(current_version=version)
    calendar = Calendar(days_off=frozenset())
    start = interpreter.start(plan, at, context_for(plan, calendar, seed=""))
    made.state = json.dumps(to_json(start.state))
    values = {
        "organization": organization.id, "client": client.id, "campaign": campaign.id, "version": version.id,
        "leads": made.leads_each, "senders": [seat.id for seat in seats], "state": made.state, "now": at,
    }  # fmt: skip
    with owner_connection(), platform_scope("benchmark"), connection.cursor() as cursor:
        for statement in (_LEADS, _ADDRESSES, _ENROLLMENTS, _SENDERS):
            cursor.execute(statement, values)


def _sender(client: Client, mark: str, index: int) -> SenderAccount:
    connected = Connection.objects.create(
        provider="unipile", name=f"Unipile {index}", base_url="http://127.0.0.1:9/unipile", status="ok"
    )
    made: SenderAccount = SenderAccount.objects.create(
        client=client, connection=connected, channel="linkedin", name=f"Sender {index}",
        provider_account_id=f"{mark}-{index}", own_user_id=f"{mark}-{index}", status="ok", inbound_synced_at=now(),
    )  # fmt: skip
    return made


def _remove(made: World) -> None:
    with owner_connection(), platform_scope("remove the organizations of a benchmark"):
        with connection.cursor() as cursor:
            for table in _TABLES:
                cursor.execute(
                    f"DELETE FROM {table} WHERE organization_id = ANY(%s)",  # noqa: S608
                    [made.organizations],
                )
            cursor.execute(
                "UPDATE campaigns_campaign SET current_version_id = NULL WHERE organization_id = ANY(%s)",
                [made.organizations],
            )
        for organization in Organization.objects.filter(id__in=made.organizations):
            organization.delete()
