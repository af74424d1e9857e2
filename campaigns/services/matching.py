"""Who is this: from a person on the network to a lead (mission N4)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db.models import Q

from campaigns import identity
from campaigns.models import Lead, LeadChannel
from integrations.models import SenderAccount
from integrations.values import Person

_MEMBER_NUMBER = re.compile(r"urn:li:(?:member|fsd_profile|person):([A-Za-z0-9_\-]+)$")


@dataclass(frozen=True, slots=True)
class Match:
    """A lead and the rule that found it, for diagnostics."""

    lead: Lead
    rule: str


def match_person(*, sender: SenderAccount, person: Person | None) -> Match | None:
    """Find the lead of the sender's client that ``person`` is, by provider id, URN, then public identifier.

    What was learnt (provider id, URN) is kept on the address, so that the next match needs no detour. Names never
    match: two people may share one.
    """
    if person is None:
        return None
    channels = LeadChannel.objects.filter(client_id=sender.client_id, kind="linkedin")
    for rule, condition in _rules(person):
        found = (
            channels.filter(condition)
            .select_related("lead", "lead__company")
            .order_by("created_at", "id")
            .first()
        )
        if found is not None:
            _learn(found, person)
            return Match(found.lead, rule)
    return None


def _rules(person: Person) -> list[tuple[str, Q]]:
    rules = []
    identifiers = set()
    if person.provider_id:
        rules.append(("provider id", Q(provider_id=person.provider_id) | Q(normalized=person.provider_id)))
    if person.member_urn:
        number = _MEMBER_NUMBER.search(person.member_urn)
        rules.append(("member URN", Q(member_urn=person.member_urn)))
        if number and number.group(1) != person.provider_id:
            rules.append(("id in the URN", Q(provider_id=number.group(1)) | Q(normalized=number.group(1))))
    for source in (person.public_identifier, person.profile_url):
        if not source:
            continue
        try:
            identifiers.add(identity.linkedin_identifier(source))
        except identity.InvalidAddress:
            continue
    identifiers.discard(person.provider_id)
    if identifiers:
        rules.append(("public identifier", Q(normalized__in=sorted(identifiers))))
    return rules


def _learn(channel: LeadChannel, person: Person) -> None:
    changes = {}
    if person.provider_id and not channel.provider_id:
        changes["provider_id"] = person.provider_id
    if person.member_urn and not channel.member_urn:
        changes["member_urn"] = person.member_urn
    if changes:
        LeadChannel.objects.filter(id=channel.id).update(**changes)
