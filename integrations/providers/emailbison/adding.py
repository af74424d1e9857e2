"""Adding people to an EmailBison campaign: declare variables, write the people, attach those who can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from integrations.errors import ErrorKind, ProviderError
from integrations.outreach.fields import address, listing, mapping, text
from integrations.providers.emailbison import parse
from integrations.providers.emailbison.client import VENDOR, EmailBisonClient
from integrations.running import CampaignStatus, LeadsAdded, NewLead
from integrations.values import Raw

_REFUSALS: Final = frozenset({ErrorKind.VALIDATION, ErrorKind.CONFLICT})
#: So many people who are refused in the same words, and nobody taken, are no culprits.
_IN_A_ROW: Final = 20
#: The most people of one campaign (docs/providers/emailbison.md).
MOST_LEADS: Final = 50_000
_CLOSED: Final = frozenset({CampaignStatus.ARCHIVED, CampaignStatus.FAILED})


def add(client: EmailBisonClient, path: str, campaign_id: str, leads: Sequence[NewLead]) -> LeadsAdded:
    """Add people; ``path`` is the campaign's."""
    refused: dict[str, str] = {}
    good: list[NewLead] = []
    for place, lead in enumerate(leads, 1):
        lacks = [name for name in ("email", "first_name", "last_name") if not getattr(lead, name).strip()]
        if lacks:
            refused[lead.key or f"#{place}"] = f"EmailBison needs {', '.join(lacks).replace('_', ' ')}."
        else:
            good.append(lead)
    if not good:
        return LeadsAdded(refused=refused)
    bodies = [parse.lead_body(lead) for lead in good]
    _declare(client, bodies)
    answer = client.call(
        "POST",
        "/api/leads/create-or-update/multiple",
        json={"leads": bodies, "existing_lead_behavior": "patch"},
        once=True,
    )
    rows = {address(text(raw, "email")): raw for raw in listing(answer, "data", "leads")}
    ids = {mail: text(raw, "id") for mail, raw in rows.items() if text(raw, "id")}
    there = [mail for mail, raw in rows.items() if campaign_id in parse.campaigns_of(raw)]
    for lead in good:
        if lead.key not in ids:
            refused[lead.key] = "EmailBison did not take this person."
    attached: list[str] = []
    _attach(client, path, [(mail, ids[mail]) for mail in ids if mail not in there], attached, refused)
    return LeadsAdded(added=len(attached), duplicates=len(there), refused=refused, lead_ids=ids)


def _declare(client: EmailBisonClient, bodies: Sequence[Raw]) -> None:
    """Declare variables that the workspace does not have: undeclared ones are refused."""
    wanted = {item["name"] for body in bodies for item in body.get("custom_variables", [])}
    if not wanted:
        return
    known = {
        name.lower() for name in client.everything("/api/custom-variables", lambda raw: text(raw, "name"))
    }
    for name in sorted(wanted):
        if name.lower() not in known:
            client.call("POST", "/api/custom-variables", json={"name": name})


def _attach(
    client: EmailBisonClient,
    path: str,
    people: list[tuple[str, str]],
    attached: list[str],
    refused: dict[str, str],
) -> None:
    """Attach all or none, as EmailBison does: a refused batch is halved until the culprits stand alone.

    Where it is the campaign that takes nobody, raises what EmailBison said of it: nobody is given up for that.
    """
    if not people:
        return
    try:
        body = {"lead_ids": [int(identifier) for _, identifier in people]}
        client.call("POST", f"{path}/leads/attach-leads", json=body)
    except ProviderError as error:
        if error.kind not in _REFUSALS:
            raise
        if len(people) == 1:
            words = error.detail or error.message
            before = sum(said == words for said in refused.values())
            if not before:
                _look_at_campaign(client, path, error)
            if not attached and before + 1 >= _IN_A_ROW:
                raise
            refused[people[0][0]] = words
            return
        middle = len(people) // 2
        for half in (people[:middle], people[middle:]):
            _attach(client, path, half, attached, refused)
        return
    attached += [mail for mail, _ in people]


def _look_at_campaign(client: EmailBisonClient, path: str, error: ProviderError) -> None:
    """Raise if a refusal is about the campaign: it is put away, or full."""
    campaign = parse.campaign(client.data(path))
    said = ""
    if campaign.status in _CLOSED:
        said = f"The campaign is {campaign.raw_status.lower()} at EmailBison: it takes nobody."
    elif (campaign.lead_count or 0) >= MOST_LEADS:
        said = (
            f"The campaign is full at EmailBison: it has {campaign.lead_count:,} people, the most it takes."
        )
    if said:
        raise VENDOR.error(ErrorKind.CONFLICT, said, detail=error.detail) from error


def standing(raw: Raw, campaign_id: str) -> Raw:
    """Return how a lead stands in a campaign, ``{}`` if they are not in it."""
    return mapping(parse.campaigns_of(raw).get(campaign_id))
