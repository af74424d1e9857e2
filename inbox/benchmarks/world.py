"""Agencies with very many conversations, made by statements that write whole tables at once.

Rows are written in the order of their time, with ids in that order, as they are where conversations happen.

Columns that are not named take the value of one row that the models themselves have written, so that a new column needs
no word here. Only for databases without organizations: everything is removed again afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import connection, models

from campaigns.models import Campaign, Company, Lead
from inbox.models import Conversation, Message
from integrations.models import Connection, SenderAccount
from project.core.clock import now
from project.core.db.base import owner_connection
from project.core.scoping import organization_scope, platform_scope
from project.tenancy.models import Client, Membership, Organization, Role, User

ORGANIZATIONS: Final = 10
CLIENTS: Final = 20
AGENTS: Final = 5
MESSAGES: Final = 5
#: Different sentences that messages are made of, two each, and the words that those are made of.
SENTENCES: Final = 20_000
WORDS: Final = 5_000
#: Words that are frequent in what is made, that stand in one message of a thousand, and that stand in few.
COMMON, MIDDLING, RARE = "w1", "w90", "w4000"


class NotEmpty(RuntimeError):
    """The database has organizations: it is somebody's."""


@dataclass
class BenchWorld:
    """The agencies: ids, one agent each who reaches every client, and how many conversations there are."""

    organizations: list[Organization] = field(default_factory=list)
    agents: dict[UUID, list[User]] = field(default_factory=dict)
    limited: dict[UUID, User] = field(default_factory=dict)
    conversations: int = 0

    @property
    def messages(self) -> int:
        """How many messages there are."""
        return self.conversations * MESSAGES


@contextmanager
def world(say: Callable[[str], None]) -> Iterator[BenchWorld]:
    """Make the agencies with their clients, senders, campaigns and people; ``fill`` adds conversations."""
    with platform_scope("see whether this database is somebody's"):
        if Organization.objects.exists():
            raise NotEmpty("This database has organizations. Use make bench, which takes a throw-away one.")
    made = BenchWorld()
    try:
        for number in range(ORGANIZATIONS):
            _organization(made, number)
        yield made
    finally:
        say("removing what was made")
        _remove(made)


def _organization(made: BenchWorld, number: int) -> None:
    organization = Organization.objects.create(name=f"Agency {number}", slug=f"bench-{number}")
    made.organizations.append(organization)
    users = [
        User.objects.create_user(f"{n}@bench-{number}.test", name=f"Agent {n}") for n in range(AGENTS + 1)
    ]
    with organization_scope(organization.id):
        clients = [
            Client.objects.create(name=f"Client {number}-{n}", slug=f"c{n}", colour=n % 8 + 1)
            for n in range(CLIENTS)
        ]
        for user in users[:AGENTS]:
            Membership.objects.create(user=user, role=Role.MANAGER)
        some = Membership.objects.create(user=users[AGENTS], role=Role.AGENT, all_clients=False)
        for client in clients[: CLIENTS // 2]:
            some.client_links.create(client=client, organization_id=organization.id)
        linked = Connection.objects.create(provider="unipile", name="Unipile", status="ok")
        for client in clients:
            for n in range(2):
                SenderAccount.objects.create(
                    client=client, connection=linked, channel=("linkedin", "email")[n], name=f"Sender {n}",
                    provider_account_id=f"{client.id}-{n}", status="ok",
                )  # fmt: skip
            for n in range(3):
                Campaign.objects.create(client=client, name=f"Campaign {n}")
    made.agents[organization.id] = users[:AGENTS]
    made.limited[organization.id] = users[AGENTS]


def fill(made: BenchWorld, conversations: int, say: Callable[[str], None]) -> None:
    """Add conversations, spread evenly over all clients, each with messages, a lead and a company."""
    each = conversations // (ORGANIZATIONS * CLIENTS)
    first = made.organizations[0]
    with organization_scope(first.id):
        patterns = _patterns()
    with owner_connection(), platform_scope("fill tables for a benchmark"), connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET maintenance_work_mem = '1GB'")
        indexes = _drop_links(cursor) + _drop_indexes(cursor)
        offset = made.conversations // (ORGANIZATIONS * CLIENTS)
        _prepare(cursor, each, offset)
        say(f"writing {conversations:,} conversations and {conversations * MESSAGES:,} messages")
        for model, source, columns in _steps():
            _write(cursor, model, patterns[model], source, columns)
        for pattern in patterns.values():
            cursor.execute(f'DELETE FROM "{pattern._meta.db_table}" WHERE id = %s', [pattern.id])  # noqa: S608
        say(f"building {len(indexes)} indexes and links")
        for definition in reversed(indexes):
            cursor.execute(definition)
        for table in ("inbox_conversation", "inbox_message", "campaigns_lead", "campaigns_company"):
            cursor.execute(f"VACUUM (ANALYZE) {table}")
    made.conversations += each * ORGANIZATIONS * CLIENTS


def _patterns() -> dict[type[models.Model], Any]:
    """One row of each table, as the models write it."""
    client = Client.objects.order_by("id")[0]
    sender = SenderAccount.objects.filter(client=client)[0]
    company = Company.objects.create(client=client, name="Pattern", name_key="pattern")
    lead = Lead.objects.create(client=client, company=company)
    talk = Conversation.objects.create(
        client=client, sender=sender, channel="linkedin", lead=lead, last_message_at=now(), chat_id="pattern"
    )
    message = Message.objects.create(
        conversation=talk,
        revision=1,
        direction="inbound",
        state="received",
        occurred_at=now(),
        body="Pattern",
    )
    return {Company: company, Lead: lead, Conversation: talk, Message: message}


def _prepare(cursor: Any, each: int, offset: int) -> None:
    """Temporary tables: sentences (few words often, most seldom), and the bare conversations, oldest first."""
    cursor.execute("SELECT setseed(0.5)")
    cursor.execute("DROP TABLE IF EXISTS bench_sentence, bench_talk")
    cursor.execute(
        f"""CREATE TEMP TABLE bench_sentence AS
        SELECT s AS id, string_agg('w' || floor(exp(random() * ln({WORDS})))::int, ' ') AS text
        FROM generate_series(0, {SENTENCES - 1}) s, generate_series(1, 10) w GROUP BY s"""  # noqa: S608 (built from constants)
    )
    cursor.execute("CREATE UNIQUE INDEX ON bench_sentence (id)")
    cursor.execute(
        """CREATE TEMP TABLE bench_talk AS
        SELECT uuidv7() AS id, uuidv7() AS lead_id, uuidv7() AS company_id, talk.* FROM (
            SELECT c.organization_id, c.id AS client_id, n, random() AS r, random() AS r2, random() AS r3,
                (SELECT array_agg(s.id ORDER BY s.id) FROM integrations_senderaccount s
                  WHERE s.client_id = c.id) AS senders,
                (SELECT array_agg(s.id ORDER BY s.id) FROM campaigns_campaign s WHERE s.client_id = c.id) AS campaigns,
                (SELECT array_agg(m.user_id ORDER BY m.id) FROM tenancy_membership m
                  WHERE m.organization_id = c.organization_id AND m.all_clients) AS people,
                (SELECT m.user_id FROM tenancy_membershipclient l JOIN tenancy_membership m ON m.id = l.membership_id
                  WHERE l.client_id = c.id) AS limited,
                now() - (random() * 360) * interval '1 day' AS at
            FROM tenancy_client c, generate_series(%s::int, %s::int) n ORDER BY at OFFSET 0
        ) AS talk""",
        [offset, offset + each - 1],
    )
    cursor.execute("ANALYZE bench_talk")


#: A table, what its rows are made of, and the columns that differ from the pattern.
Step = tuple[type[models.Model], str, dict[str, str]]


def _steps() -> list[Step]:
    named = "'First' || (b.n % 997)"
    return [
        (
            Company,
            "bench_talk b",
            {"id": "b.company_id", "organization_id": "b.organization_id", "client_id": "b.client_id",
             "name": "'Company ' || b.n || ' Foods'", "name_key": "b.company_id::text",
             "domain": "'c' || b.n || '.test'"},
        ),
        (
            Lead,
            "bench_talk b",
            {"id": "b.lead_id", "organization_id": "b.organization_id", "client_id": "b.client_id",
             "company_id": "b.company_id", "first_name": named, "last_name": "'Last' || (b.n % 4999)",
             "title": "'Buyer'"},
        ),
        (
            Conversation,
            "bench_talk b",
            {"id": "b.id", "organization_id": "b.organization_id", "client_id": "b.client_id",
             "sender_id": "b.senders[1 + b.n % 2]", "channel": "CASE b.n % 2 WHEN 0 THEN 'linkedin' ELSE 'email' END",
             "chat_id": "b.id::text", "counterpart_id": "'p' || b.id", "counterpart_name": f"{named} || ' Last'",
             "lead_id": "CASE WHEN b.r3 < 0.02 THEN NULL ELSE b.lead_id END", "campaign_id": "b.campaigns[1 + b.n % 3]",
             "status": "CASE WHEN b.r < 0.15 THEN 'open' WHEN b.r < 0.2 THEN 'snoozed' ELSE 'closed' END",
             "snoozed_until": "CASE WHEN b.r >= 0.15 AND b.r < 0.2 THEN now() + interval '9 days' END",
             "assignee_id": "CASE WHEN b.r2 < 0.1 AND b.limited IS NOT NULL THEN b.limited "
             "WHEN b.r2 < 0.6 THEN b.people[1 + b.n % 5] END",
             "unread": "CASE WHEN b.r < 0.05 THEN 1 ELSE 0 END", "has_inbound": "b.r3 < 0.7",
             "failed_sends": "CASE WHEN b.r2 > 0.995 THEN 1 ELSE 0 END", "last_message_at": "b.at",
             "last_inbound_at": "b.at", "last_snippet": "'Thank you, could you tell me more about it'",
             "intent": "(ARRAY['interested','question','not_now','not_interested',''])[1 + b.n % 5]",
             "sla_due_at": "CASE WHEN b.r < 0.05 THEN b.at + interval '361 days' END"},
        ),
        (
            Message,
            f"""bench_talk b CROSS JOIN generate_series(1, {MESSAGES}) k
              JOIN bench_sentence s ON s.id = abs(hashtext(b.id::text || k)) % {SENTENCES}
              JOIN bench_sentence z ON z.id = abs(hashtext(k || b.id::text)) % {SENTENCES}""",
            {"id": "uuidv7()", "organization_id": "b.organization_id", "conversation_id": "b.id",
             "revision": "k", "direction": "CASE k % 2 WHEN 1 THEN 'outbound' ELSE 'inbound' END",
             "state": "CASE k % 2 WHEN 1 THEN 'sent' ELSE 'received' END", "sender_name": named,
             "body": "s.text || ' ' || z.text", "occurred_at": f"b.at - ({MESSAGES} - k) * interval '1 hour'"},
        ),
    ]  # fmt: skip


def _write(cursor: Any, model: Any, pattern: Any, source: str, columns: dict[str, str]) -> None:
    names = [found.column for found in model._meta.local_concrete_fields]
    values = [columns.get(name, f'p."{name}"') for name in names]
    # What is asked for contains the operator %, which is also psycopg's mark.
    chosen, source = ", ".join(values).replace("%", "%%"), source.replace("%", "%%")
    cursor.execute(
        f'INSERT INTO "{model._meta.db_table}" ({", ".join(f"{chr(34)}{name}{chr(34)}" for name in names)}) '  # noqa: S608
        f'SELECT {chosen} FROM {source}, (SELECT * FROM "{model._meta.db_table}" WHERE id = %s) p',
        [pattern.id],
    )


def _drop_links(cursor: Any) -> list[str]:
    """Drop the foreign keys of the large tables; return the statements that make them again, for rows to come."""
    cursor.execute(
        """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE contype = 'f' AND conrelid IN ('inbox_message'::regclass, 'inbox_conversation'::regclass,
            'campaigns_lead'::regclass, 'campaigns_company'::regclass)"""
    )
    found = cursor.fetchall()
    for table, name, _ in found:
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    return [
        f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition.removesuffix(" NOT VALID")} NOT VALID'
        for table, name, definition in found
    ]


def _drop_indexes(cursor: Any) -> list[str]:
    """Drop the plain indexes of the large tables; return the statements that build them again."""
    cursor.execute(
        """SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
        WHERE i.indrelid IN ('inbox_message'::regclass, 'inbox_conversation'::regclass, 'campaigns_lead'::regclass,
            'campaigns_company'::regclass)
        AND NOT i.indisprimary AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)"""
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f"DROP INDEX {name}")
    return [definition for _, definition in found]


def _remove(made: BenchWorld) -> None:
    users = [user.id for people in made.agents.values() for user in people]
    users += [user.id for user in made.limited.values()]
    with owner_connection(), platform_scope("remove what a benchmark made"):
        with connection.cursor() as cursor:
            # The database was empty: nothing of anybody's is among it.
            cursor.execute(
                "TRUNCATE inbox_message, inbox_conversation, campaigns_lead, campaigns_company CASCADE"
            )
        for organization in made.organizations:
            organization.delete()
        User.objects.filter(id__in=users).delete()
