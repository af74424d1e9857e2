"""Who is this: from a person on the network to a lead (mission N4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from campaigns import identity
from campaigns.models import Lead, LeadChannel
from integrations.events import MessageReceived
from integrations.models import OutboundMessage, SenderAccount
from integrations.values import Person

_OWN_MESSAGE_ID = re.compile(r"<?([0-9a-f]{32})@")
_MEMBER_NUMBER = re.compile(r"urn:li:(?:member|fsd_profile|person):([A-Za-z0-9_\-]+)$")


@dataclass(frozen=True, slots=True)
class Match:
    """A lead and the rule that found it, for diagnostics."""

    lead: Lead
    rule: str
    #: Of the message of ours that was answered, where that is known.
    campaign_id: UUID | None = None
    enrollment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ThreadLead:
    """The lead of the thread that a message comes into, and whether a person has said that it is them."""

    lead_id: UUID
    is_told: bool


ThreadLeads = Callable[[SenderAccount, MessageReceived], ThreadLead | None]
_thread_leads: dict[str, ThreadLeads] = {}


def register_threads(name: str, find: ThreadLeads) -> None:
    """Register who knows the lead of a message's thread. Registering a name again replaces it."""
    _thread_leads[name] = find


def match_told(*, sender: SenderAccount, event: MessageReceived, found: Match | None) -> Match | None:
    """Return ``found``, or the lead of the thread: where nobody was found, or a person has said who it is.

    In a group everybody writes for themselves.
    """
    if event.is_group:
        return found
    for find in _thread_leads.values():
        known = find(sender, event)
        if known is None or (found is not None and (found.lead.id == known.lead_id or not known.is_told)):
            continue
        lead = _lead(known.lead_id)
        if lead is not None:
            return Match(lead, "the thread it came into")
    return found


def match_person(*, sender: SenderAccount, person: Person | None) -> Match | None:
    """Find the lead of the sender's client that ``person`` is, by provider id, URN, then public identifier.

    What was learnt (provider id, URN) is kept on the address, so that the next match needs no detour. Names never
    match: two people may share one.
    """
    if person is None:
        return None
    channels = LeadChannel.objects.filter(client_id=sender.client_id, kind="linkedin")
    for clue in clues(person):
        found = (
            channels.filter(_condition(clue))
            .select_related("lead", "lead__company")
            .order_by("created_at", "id")
            .first()
        )
        if found is not None:
            learn(found, person)
            return Match(found.lead, clue.rule)
    return None


def match_thread(*, sender: SenderAccount, event: MessageReceived) -> Match | None:
    """Find the lead whose e-mail of ours is answered: by its Message-ID in References, else by our id in the answer.

    Whoever answers, from whatever address, answers for that lead. Only messages to leads of the sender's client count:
    anybody may write any id into a mail.
    """
    ids = [short_id for short_id in event.references if short_id]
    own = [found for found in (_own_id(part) for part in ids) if found]
    rows = OutboundMessage.objects.filter(client_id=sender.client_id, lead_id__isnull=False)
    for rule, condition in (
        ("the message that is answered", Q(provider_message_id__in=ids) | Q(id__in=own)),
        ("our id in the answer", Q(id=_uuid(event.send_id))),
    ):
        if condition.children and (ids or event.send_id):
            found = rows.filter(condition).order_by("-created_at").first()
            lead = _lead(found.lead_id) if found is not None else None
            if found is not None and lead is not None:
                return Match(lead, rule, found.campaign_id, found.enrollment_id)
    return None


def match_address(*, sender: SenderAccount, person: Person | None) -> Match | None:
    """Find the lead of the sender's client that has the person's e-mail address or telephone number."""
    if person is None or sender.channel not in {"email", "sms"}:
        return None
    value = _normalised(person, sender.channel)
    if not value:
        return None
    found = (
        LeadChannel.objects.filter(client_id=sender.client_id, kind=sender.channel, normalized=value)
        .select_related("lead", "lead__company")
        .first()
    )
    rule = "e-mail address" if sender.channel == "email" else "telephone number"
    return Match(found.lead, rule) if found is not None else None


def address_of(lead: Lead, person: Person, channel: str) -> str:
    """The address on a channel that a person wrote from, else the lead's own; as suppressions compare it."""
    told = _normalised(person, channel) if channel in {"email", "sms"} else person.provider_id
    if told:
        return told
    row = LeadChannel.objects.filter(lead=lead, kind=channel).order_by("created_at", "id").first()
    return row.normalized if row is not None else str(lead.id)


def _normalised(person: Person, channel: str) -> str:
    try:
        if channel == "email":
            return identity.email_address(person.email)
        return identity.phone_number(person.phone)
    except identity.InvalidAddress:
        return ""


def _lead(lead_id: UUID | None) -> Lead | None:
    found: Lead | None = Lead.objects.filter(id=lead_id).select_related("company").first()
    return found


def _own_id(message_id: str) -> UUID | None:
    """The outbox row that a Message-ID of ours names (``integrations.services.outgoing.message_id_of``)."""
    found = _OWN_MESSAGE_ID.match(message_id)
    return UUID(found[1]) if found else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Clue:
    """What an address is looked for by: ``values`` are compared with its ids, or with its URN."""

    rule: str
    values: tuple[str, ...]
    is_urn: bool = False


def clues(person: Person) -> list[Clue]:
    """Return by what a person is looked for among LinkedIn addresses, the best first."""
    found = []
    identifiers = set()
    if person.provider_id:
        found.append(Clue("provider id", (person.provider_id,)))
    if person.member_urn:
        number = _MEMBER_NUMBER.search(person.member_urn)
        found.append(Clue("member URN", (person.member_urn,), is_urn=True))
        if number and number.group(1) != person.provider_id:
            found.append(Clue("id in the URN", (number.group(1),)))
    for source in (person.public_identifier, person.profile_url):
        if not source:
            continue
        try:
            identifiers.add(identity.linkedin_identifier(source))
        except identity.InvalidAddress:
            continue
    identifiers.discard(person.provider_id)
    if identifiers:
        found.append(Clue("public identifier", tuple(sorted(identifiers))))
    return found


def _condition(clue: Clue) -> Q:
    if clue.is_urn:
        return Q(member_urn__in=clue.values)
    return Q(provider_id__in=clue.values) | Q(normalized__in=clue.values)


def match_people(*, sender: SenderAccount, people: Sequence[Person]) -> dict[int, Lead]:
    """Find the leads of many people by the rules of ``match_person``, in three statements; place -> lead."""
    wanted = [clues(person) for person in people]
    told = [clue for found in wanted for clue in found]
    ids = {value for clue in told if not clue.is_urn for value in clue.values}
    urns = {value for clue in told if clue.is_urn for value in clue.values}
    channels = LeadChannel.objects.filter(client_id=sender.client_id, kind="linkedin")
    # One statement for each column: each has its index, and an OR over them has none.
    conditions = [Q(normalized__in=ids), Q(provider_id__in=ids - {""})] if ids else []
    conditions += [Q(member_urn__in=urns)] if urns else []
    oldest: dict[tuple[bool, str], LeadChannel] = {}
    for condition in conditions:
        for row in channels.filter(condition).select_related("lead", "lead__company"):
            for key in ((False, row.provider_id), (False, row.normalized), (True, row.member_urn)):
                known = oldest.get(key)
                if known is None or (row.created_at, row.id) < (known.created_at, known.id):
                    oldest[key] = row
    found: dict[int, Lead] = {}
    for place, person in enumerate(people):
        keys = ((clue.is_urn, value) for clue in wanted[place] for value in clue.values)
        channel = next((oldest[key] for key in keys if key in oldest), None)
        if channel is not None:
            learn(channel, person)
            found[place] = channel.lead
    return found


def learn(channel: LeadChannel, person: Person) -> None:
    """Keep the network's ids of a person on their address, so that the next match needs no detour."""
    changes = {}
    if person.provider_id and not channel.provider_id:
        changes["provider_id"] = person.provider_id
    if person.member_urn and not channel.member_urn:
        changes["member_urn"] = person.member_urn
    if changes:
        LeadChannel.objects.filter(id=channel.id).update(**changes)
