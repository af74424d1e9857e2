"""Seeding the demo organization, step by step."""

from __future__ import annotations

import csv
import io
import random
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from campaigns.imports.mapping import RowDraft
from campaigns.models import Campaign, Lead, LeadImport
from campaigns.plans.linear import parse_sequence, to_plan
from campaigns.services import campaigns as campaign_service
from campaigns.services import enrollments, imports
from campaigns.services import leads as lead_service
from campaigns.services.provider_runs import job
from campaigns.services.settings import Audience, CampaignSettings
from inbox.models import Conversation
from inbox.services import labels, notes, steering, triage
from integrations.base import ConnectsAccounts, require
from integrations.events import MessageReceived
from integrations.models import Connection, SenderAccount
from integrations.services import connections, mailboxes, senders
from integrations.services.adapters import adapter_of
from integrations.services.events import record_event
from integrations.values import Direction
from integrations.values import Person as NetworkPerson
from project.core.clock import now
from project.core.http import client_for
from project.core.scoping import organization_scope, platform_scope
from project.tenancy.access import Access, access_for
from project.tenancy.models import Client, Organization, User
from project.tenancy.services import clients as client_service
from project.tenancy.services import memberships, organizations
from reporting.demo import channels, history, provider_runs, removal
from reporting.demo.people import THREADS, Person, people, sequence
from reporting.services import portal

SLUG = "demo"
PASSWORD = "outbound-demo"  # noqa: S105 - the documented password of the demo
MEMBERS = (
    ("manager", "manager", "Linnea Holm"),
    ("agent", "agent", "Ana Ferreira"),
    ("agent2", "agent", "Tom Okafor"),
    ("viewer", "viewer", "Vera Lund"),
    ("client", "client", "Clara Halden"),
    ("ops", "ops", "Raj Mehta"),
)
CLIENTS = (("Halden Robotics", 1), ("Tessera Pay", 2), ("Ostro Logistics", 4))
SEATS = ("acc_erik_sand", "acc_lucia_ferrer", "acc_greta_lund")
ZONE = "Europe/Stockholm"
#: A mailbox of the sandbox's mail servers.
MAILBOX = "erik.sand@kestrel.test"
MAILBOX_PASSWORD = "sandbox-password"  # noqa: S105 - the sandbox's own


def seed() -> Organization:
    """Make the demo organization or nothing; the sandbox must be running. Raises ``ProviderError`` when it is not."""
    try:
        return _seed()
    except BaseException:
        # Half a demo would be taken for a whole one at the next start.
        removal.remove(SLUG)
        raise


def _seed() -> Organization:
    organization = _people()
    with organization_scope(organization.id):
        access = access_for(User.objects.get(email="admin@demo.test"), organization)
        assert access is not None
        clients = [
            client_service.create(access=access, name=name, colour=colour, time_zone=ZONE)
            for name, colour in CLIENTS
        ]
        _members(clients, access.user)
        seats = _seats(clients, access.user)
        _mailbox(clients[0], access.user)
        manager = User.objects.get(email="manager@demo.test")
        _history(clients[0], seats[0])
        _threads(clients[0], seats[0])
        _campaigns(clients, seats, manager)
        _three_channels(clients[2], seats[2], access.user, manager)
        _provider_runs(access, manager)
        _triage(access)
    return organization


def _people() -> Organization:
    with platform_scope("make the demo organization"):
        return organizations.provision(
            name="Kestrel & Rowe",
            slug=SLUG,
            admin_email="admin@demo.test",
            admin_name="Kim Rowe",
            admin_password=PASSWORD,
            time_zone=ZONE,
            capabilities=channels.CAPABILITIES,
        ).organization


@transaction.atomic
def _members(clients: list[Client], admin: User) -> None:
    for local, role, name in MEMBERS:
        email = f"{local}@demo.test"
        user = User.objects.filter(email=email).first() or User.objects.create_user(
            email, PASSWORD, name=name
        )
        limited = role == "client"
        memberships.add(
            user=user,
            role=role,
            all_clients=not limited,
            client_ids=[clients[0].id] if limited else [],
            actor=admin,
        )


def _seats(clients: list[Client], admin: User) -> list[SenderAccount]:
    connection: Connection = connections.create(
        provider="unipile", name="Unipile (sandbox)", credentials={"api_key": "sandbox-key"}, actor=admin
    )
    connections.try_out(connection=connection, actor=admin)
    connections.ensure_webhooks(connection=connection, actor=admin)
    connection.refresh_from_db()
    adapter = require(adapter_of(connection), ConnectsAccounts)
    return [
        senders.adopt(
            connection=connection,
            client=client,
            account=adapter.get_account(seat),
            time_zone=ZONE,
            actor=admin,
        )
        for client, seat in zip(clients, SEATS, strict=True)
    ]


def _mailbox(client: Client, admin: User) -> None:
    """The first seat's owner has a mailbox too, where mail servers are there."""
    if settings.MAILBOX_BASE_URL:
        wanted = mailboxes.Wanted(
            address=MAILBOX, name="Erik Sand", password=MAILBOX_PASSWORD, time_zone=ZONE
        )
        mailboxes.add(client=client, wanted=wanted, actor=admin)


def _leads(client: Client, found: list[Person]) -> list[Lead]:
    drafts = [
        RowDraft(
            number,
            [],
            first_name=person.first_name,
            last_name=person.last_name,
            title=person.title,
            company=person.company,
            addresses={"linkedin": (f"https://www.linkedin.com/in/{person.slug}", person.slug)},
            fields={"city": person.city},
        )
        for number, person in enumerate(found, start=2)
    ]
    made = lead_service.upsert_batch(client_id=client.id, drafts=drafts)
    return list(Lead.objects.filter(id__in=made.created).order_by("id"))


def _import(
    client: Client,
    found: list[Person],
    file_name: str,
    actor: User,
    reach: Sequence[tuple[str, str]] = (),
) -> UUID:
    """Import people from a CSV file, the way a manager does; return the import's id.

    ``reach`` has an e-mail address and a telephone number for each of them, or is empty.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    further = ["E-mail", "Phone"] if reach else []
    writer.writerow(["First name", "Last name", "Title", "Company", "LinkedIn", "City", *further])
    for number, one in enumerate(found):
        link = f"https://www.linkedin.com/in/{one.slug}"
        more = reach[number] if reach else ()
        writer.writerow([one.first_name, one.last_name, one.title, one.company, link, one.city, *more])
    made = imports.upload(
        client=client, actor=actor, upload=SimpleUploadedFile(file_name, text.getvalue().encode())
    )
    imports.set_mapping(lead_import=made, mapping=made.mapping, actor=actor)
    _finish(made, LeadImport.State.PREVIEWED)
    imports.confirm(lead_import=made, actor=actor)
    _finish(made, LeadImport.State.DONE)
    return made.id


def _finish(made: LeadImport, state: str) -> None:
    """Work on an import until it has come to ``state``; a worker may be faster. Raises ``TimeoutError``."""
    for _ in range(600):
        imports.work(import_id=made.id)
        if made.refreshed().state == state:
            return
        time.sleep(0.1)
    raise TimeoutError(f"The demo's leads were not imported: {made.get_state_display().lower()}.")


def _history(client: Client, sender: SenderAccount) -> None:
    """A campaign that is over, as facts, so that reports have something to show."""
    campaign = campaign_service.create(
        client=client, name="Autumn pilot", actor=User.objects.get(email="manager@demo.test")
    )
    senders = {sender.channel: sender}
    for other in SenderAccount.objects.filter(client=client, channel="email").order_by("id")[:1]:
        senders["email"] = other
    history.write(campaign, _leads(client, people(320, "pilot")), senders)


def _threads(client: Client, sender: SenderAccount) -> None:
    """Conversations of the last days: in the sandbox, and here through the same door as a provider's history."""
    dice = random.Random("threads")  # noqa: S311 - invented data, not a secret
    found = people(len(THREADS), "threads")
    _leads(client, found)
    for number, (person, thread) in enumerate(zip(found, THREADS, strict=True)):
        began = now() - timedelta(hours=1 + number * 5, minutes=dice.randrange(50))
        # As the sandbox keeps them: to the millisecond.
        began = began.replace(microsecond=0)
        lines = [(line, began + timedelta(minutes=9 * position)) for position, line in enumerate(thread)]
        _say(sender, person, lines, _at_provider(sender, person, lines))


def _at_provider(
    sender: SenderAccount, person: Person, lines: Sequence[tuple[str, datetime]]
) -> dict[str, Any]:
    """Have the conversation in the sandbox, too, so that it can be read and answered there; return its ids."""
    sandbox = client_for("sandbox", base_url=str(settings.SANDBOX_URL), allow_private=True)
    body = {
        "slug": person.slug,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "role": person.title,
        "company": person.company,
        "messages": [
            {"text": line[2:], "at": at.isoformat(), "ours": not line.startswith("<")} for line, at in lines
        ],
    }
    made: dict[str, Any] = sandbox.request(
        "POST", f"/_sandbox/accounts/{sender.provider_account_id}/threads", json=body
    ).json()
    return made


def _say(
    sender: SenderAccount, person: Person, lines: Sequence[tuple[str, datetime]], there: dict[str, Any]
) -> None:
    theirs = NetworkPerson(
        provider_id=there["provider_id"],
        name=f"{person.first_name} {person.last_name}",
        public_identifier=person.slug,
    )
    ours = NetworkPerson(provider_id=sender.own_user_id, name=sender.name, is_self=True)
    for (line, at), message in zip(lines, there["messages"], strict=True):
        inbound = line.startswith("<")
        event = MessageReceived(
            provider="unipile",
            account_id=sender.provider_account_id,
            occurred_at=at,
            message_id=message["id"],
            provider_message_id=message["provider_id"],
            chat_id=there["chat_id"],
            provider_chat_id=there["thread_id"],
            direction=Direction.INBOUND if inbound else Direction.OUTBOUND,
            sender=theirs if inbound else ours,
            counterpart=theirs,
            participants=(theirs, ours),
            text=line[2:],
        )
        record_event(event, sender=sender, source="poll")


def _campaigns(clients: list[Client], seats: list[SenderAccount], manager: User) -> None:
    """One campaign that runs around the clock, one in office hours, one draft."""
    always = {"weekdays": list(range(7)), "start": "00:00", "end": "00:00"}
    office = {"weekdays": list(range(5)), "start": "09:00", "end": "17:00"}
    plans = (
        (clients[0], seats[0], "Nordic cold-chain DCs", always, 40, True),
        (clients[1], seats[1], "Payments, office hours", office, 14, True),
        (clients[2], seats[2], "Freight forwarders, draft", office, 20, False),
    )
    for client, seat, name, window, count, launched in plans:
        imported = _import(client, people(count, name), f"{name}.csv", manager)
        campaign: Campaign = campaign_service.create(client=client, name=name, actor=manager)
        campaign = campaign_service.update_settings(
            campaign=campaign,
            settings=CampaignSettings(
                name=name,
                time_zone=ZONE,
                audience=Audience(kind="import", import_id=imported),
                sender_ids=[seat.id],
                **window,  # type: ignore[arg-type]
            ),
            actor=manager,
        )
        plan = to_plan(parse_sequence(sequence(ZONE))).model_dump(
            mode="json", by_alias=True, exclude_defaults=True
        )
        campaign = campaign_service.save_plan(campaign=campaign, plan=plan, actor=manager)
        if launched:
            campaign_service.launch(campaign=campaign, actor=manager)
            enrollments.enroll_audience(campaign_id=campaign.id)


def _three_channels(client: Client, seat: SenderAccount, admin: User, manager: User) -> None:
    """A campaign over e-mail, LinkedIn and text messages whose waits are minutes."""
    channels.settle_rules(client, admin)
    mail, phone = channels.email_sender(client, admin), channels.number(client, admin)
    found = people(16, "three channels")
    name = "Fair visitors, three channels"
    imported = _import(client, found, f"{name}.csv", manager, channels.reach(found, name, now()))
    campaign: Campaign = campaign_service.create(client=client, name=name, actor=manager)
    campaign = campaign_service.update_settings(
        campaign=campaign,
        settings=CampaignSettings(
            name=name,
            time_zone=ZONE,
            audience=Audience(kind="import", import_id=imported),
            sender_ids=[mail.id, seat.id, phone.id],
            weekdays=list(range(7)),
            start="00:00",
            end="00:00",
        ),
        actor=manager,
    )
    campaign = campaign_service.save_plan(campaign=campaign, plan=channels.plan(ZONE), actor=manager)
    campaign_service.launch(campaign=campaign, actor=manager)
    enrollments.enroll_audience(campaign_id=campaign.id)


def _provider_runs(access: Access, manager: User) -> None:
    """Clients whose campaigns Smartlead, HeyReach and EmailBison run, with the sandbox's people."""
    for owner in provider_runs.OWNERS:
        client = provider_runs.client(access, owner)
        for run in owner.runs:
            _provider_run(access, manager, client, owner.zone, run)


def _provider_run(access: Access, manager: User, client: Client, zone: str, run: provider_runs.Run) -> None:
    sending = provider_runs.senders(access, client, run.provider)
    found = people(12, run.name)
    imported = _import(client, found, f"{run.name}.csv", manager, channels.reach(found, run.name, now()))
    campaign: Campaign = campaign_service.create(
        client=client, name=run.name, actor=manager, run_on=run.channel
    )
    campaign = campaign_service.update_settings(
        campaign=campaign,
        settings=CampaignSettings(
            name=run.name,
            time_zone=zone,
            audience=Audience(kind="import", import_id=imported),
            sender_ids=[sender.id for sender in sending],
            weekdays=list(range(7)),
            start="00:00",
            end="00:00",
        ),
        actor=manager,
    )
    plan = to_plan(parse_sequence(provider_runs.sequence(run.channel, zone)))
    campaign_service.save_plan(
        campaign=campaign,
        plan=plan.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        actor=manager,
    )
    campaign_service.launch(campaign=campaign, actor=manager)
    enrollments.enroll_audience(campaign_id=campaign.id)
    job.bring_in_line(campaign.id)


def _triage(access: Access) -> None:
    """Some conversations are somebody's already, and the team has labels."""
    for name in ("Pilot", "Pricing", "Nordics"):
        labels.create(name=name, client=None, actor=access.user)
    ana, tom = User.objects.get(email="agent@demo.test"), User.objects.get(email="agent2@demo.test")
    found = list(Conversation.objects.filter(has_inbound=True).order_by("-last_message_at")[:6])
    for conversation, assignee in zip(found, (ana, ana, None, tom, None, tom), strict=False):
        if assignee is not None:
            triage.assign(conversation_id=conversation.id, assignee_id=assignee.id, actor=access.user)
    if found:
        notes.add_note(
            conversation_id=found[0].id,
            author=ana,
            body="Erik is in Gothenburg on Tuesday anyway, offer on site. No price before the survey.",
        )
        notes.add_note(
            conversation_id=found[0].id,
            author=ana,
            body="We offer the first free morning of next week. Say so here if another day suits you better.",
            show_to_client=True,
        )
        triage.close(conversation_id=found[-1].id, actor=tom)
    worth = (("open", Decimal(18000)), ("won", Decimal(12500)), ("open", None), ("lost", Decimal(4000)))
    known = [conversation for conversation in found[1:] if conversation.lead_id is not None]
    for conversation, (stage, value) in zip(known, worth, strict=False):
        given = {"stage": stage, "value": value, "currency": "EUR", "meeting_on": None}
        steering.set_deal(conversation_id=conversation.id, actor=ana, given=given)
    for client in access.clients():
        portal.set_policy(
            access=access, client=client, shows_replies=True, hides_addresses=False, shows_deals=True
        )
