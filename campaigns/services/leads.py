"""Writing leads: the one place where rows become people at companies with addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from campaigns import identity
from campaigns.imports.mapping import RowDraft
from campaigns.models import Company, ErasedAddress, Lead, LeadChannel
from project.core.clock import now
from project.core.db.bulk import any_text_of, insert_rows, is_one_of, text_array, update_rows
from project.core.refusals import Invalid
from project.core.scoping import current_organization_id


@dataclass(slots=True)
class Upserted:
    """What a batch of rows did: ids of leads created and updated."""

    created: list[UUID] = field(default_factory=list)
    updated: list[UUID] = field(default_factory=list)
    #: What was filled in for those who were there: ``LeadImportLead.filled``.
    filled: dict[UUID, dict[str, Any]] = field(default_factory=dict)


Key = tuple[str, str]
#: What completing a lead may change.
_WRITTEN: Final = (
    "first_name", "last_name", "title", "country", "time_zone", "fields", "company_id", "removed_at",
)  # fmt: skip

#: Addresses stand in these statements as arrays. Joined, they would be one lookup each by whatever index the planner
#: likes, and that of a table that was empty a minute ago is the wrong one; of an array it reads, at worst, what the
#: client has once.
_KNOWN: Final = """
SELECT 'linkedin', normalized, lead_id FROM campaigns_leadchannel
WHERE client_id = %(client)s AND kind = 'linkedin' AND normalized = ANY (%(linkedin)s::text[])
UNION ALL
SELECT 'linkedin', provider_id, lead_id FROM campaigns_leadchannel
WHERE organization_id = %(organization)s AND client_id = %(client)s AND kind = 'linkedin'
    AND provider_id = ANY (%(members)s::text[])
UNION ALL
SELECT 'email', normalized, lead_id FROM campaigns_leadchannel
WHERE client_id = %(client)s AND kind = 'email' AND normalized = ANY (%(email)s::text[])
UNION ALL
SELECT 'phone', normalized, lead_id FROM campaigns_leadchannel
WHERE client_id = %(client)s AND kind = 'sms' AND normalized = ANY (%(phone)s::text[])
"""
_SUPPRESSED_ARM: Final = """
SELECT '{kind}', value, is_domain FROM campaigns_suppression
WHERE organization_id = %(organization)s AND channel = '{channel}' AND is_domain = {is_domain}
    AND value = ANY (%({given})s::text[]) AND (client_id IS NULL OR client_id = %(client)s)
    AND (expires_at IS NULL OR expires_at > %(now)s)
"""
_SUPPRESSED: Final = "UNION ALL".join(
    _SUPPRESSED_ARM.format(kind=kind, channel=channel, is_domain=is_domain, given=given)
    for kind, channel, is_domain, given in (
        ("linkedin", "linkedin", "false", "linkedin"),
        ("email", "email", "false", "email"),
        ("email", "email", "true", "domains"),
        ("phone", "sms", "false", "phone"),
    )
)


def existing_leads(*, client_id: UUID, keys: Iterable[Key]) -> dict[Key, UUID]:
    """Return the leads of a client that already have one of the addresses, by ``(kind, normalised)``.

    LinkedIn member ids are found as identifiers and as learnt provider ids.
    """
    by_kind = _by_kind(keys)
    if not by_kind:
        return {}
    found: dict[Key, UUID] = {}
    members = [value for value in by_kind.get("linkedin", ()) if identity.is_member_id(value)]
    params = {**_arrays(client_id, by_kind), "members": text_array(members)}
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, params)
        for kind, value, lead_id in cursor.fetchall():
            found.setdefault((kind, value), lead_id)
    return found


def suppressed_keys(*, client_id: UUID, keys: Iterable[Key]) -> set[Key]:
    """Return which addresses are suppressed for the client or the whole organization, domains included, or belong
    to somebody who was erased.
    """
    by_kind = _by_kind(keys)
    if not by_kind:
        return set()
    domains: dict[str, list[str]] = {}
    for value in by_kind.get("email", ()):
        domains.setdefault(value.rpartition("@")[2], []).append(value)
    stopped: set[Key] = set()
    params = {**_arrays(client_id, by_kind), "domains": text_array(domains), "now": now()}
    with connection.cursor() as cursor:
        cursor.execute(_SUPPRESSED, params)
        for kind, value, is_domain in cursor.fetchall():
            stopped.update((kind, address) for address in (domains[value] if is_domain else [value]))
    return stopped | _erased(client_id, by_kind)


def _by_kind(keys: Iterable[Key]) -> dict[str, list[str]]:
    by_kind: dict[str, list[str]] = {}
    for kind, value in dict.fromkeys(keys):
        by_kind.setdefault(kind, []).append(value)
    return by_kind


def _arrays(client_id: UUID, by_kind: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "client": client_id,
        "organization": current_organization_id(),
        **{kind: text_array(by_kind.get(kind, ())) for kind in ("linkedin", "email", "phone")},
    }


def _erased(client_id: UUID, by_kind: dict[str, list[str]]) -> set[Key]:
    erased = ErasedAddress.objects.filter(client_id=client_id)
    if not erased.exists():
        return set()
    organization_id = current_organization_id()
    digests: dict[str, Key] = {
        identity.digest(organization_id, _channel(kind), value): (kind, value)
        for kind, values in by_kind.items()
        for value in values
    }
    rows = erased.filter(digest__in=any_text_of(digests))
    return {digests[digest] for digest in rows.values_list("digest", flat=True)}


def refuse_erased(*, client_id: UUID, drafts: Iterable[RowDraft]) -> None:
    """Raise ``Invalid`` if one of the people was erased: nothing makes a lead of them again, whatever way they come."""
    if _erased(client_id, _by_kind(key for draft in drafts for key in draft.keys)):
        raise Invalid("This person was erased at their request, so no lead is made of them again.")


def _channel(kind: str) -> str:
    return "sms" if kind == "phone" else kind


@transaction.atomic
def upsert_batch(*, client_id: UUID, drafts: list[RowDraft], overwrite: bool = True) -> Upserted:
    """Create or complete the leads of valid drafts, in a fixed number of statements.

    An existing lead (any shared address) keeps what it has and gains what it lacked; with ``overwrite`` the custom
    values of the drafts win over those that it has. Drafts of one person within the batch become one lead.
    """
    result = Upserted()
    lock_people(client_id)
    refuse_erased(client_id=client_id, drafts=drafts)
    known = existing_leads(client_id=client_id, keys=[key for draft in drafts for key in draft.keys])
    companies = companies_of(
        client_id, {identity.company_key(draft.company): draft.company for draft in drafts if draft.company}
    )
    ids = set(known.values())
    leads = {lead.id: lead for lead in Lead.objects.filter(id__in=ids)}
    new: dict[UUID, Lead] = {}
    changed: dict[UUID, Lead] = {}
    channels: list[LeadChannel] = []
    for draft in drafts:
        lead_id = next((known[key] for key in draft.keys if key in known), None)
        lead = leads.get(lead_id) if lead_id else None
        if lead is None:
            lead = Lead(client_id=client_id)
            leads[lead.id] = new[lead.id] = lead
            result.created.append(lead.id)
        elif lead.id not in new and lead.id not in changed:
            changed[lead.id] = lead
            # Whoever was removed and is imported again is wanted again.
            if lead.removed_at is not None:
                result.filled.setdefault(lead.id, {})["removed_at"] = lead.removed_at.isoformat()
            lead.removed_at = None
            result.updated.append(lead.id)
        filled = _complete(lead, draft, companies, overwrite=overwrite)
        if lead.id in changed and filled:
            _remember(result.filled.setdefault(lead.id, {}), filled)
        for kind, (written, normalized) in draft.addresses.items():
            if (kind, normalized) not in known:
                known[(kind, normalized)] = lead.id
                channels.append(
                    LeadChannel(
                        client_id=client_id,
                        lead=lead,
                        kind=_channel(kind),
                        value=written,
                        normalized=normalized,
                    )
                )
                if lead.id in changed:
                    result.filled.setdefault(lead.id, {}).setdefault("channels", []).append(
                        str(channels[-1].id)
                    )
    Lead.objects.bulk_create(new.values(), batch_size=1000)
    update_rows(list(changed.values()), _WRITTEN)
    LeadChannel.objects.bulk_create(channels, batch_size=1000)
    return result


def lock_people(client_id: UUID) -> None:
    """Let one batch after the other add people to a client: whoever is new to both would be made twice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"people:{client_id}"])


def changes_by(*, client_id: UUID, drafts: Sequence[RowDraft], overwrite: bool) -> dict[int, list[list[str]]]:
    """What rows would change of people who are known: ``[field, before, after]`` by the row's number."""
    known = existing_leads(client_id=client_id, keys=[key for draft in drafts for key in draft.keys])
    rows = Lead.objects.filter(id__in=set(known.values())).select_related("company")
    leads = {lead.id: lead for lead in rows}
    found: dict[int, list[list[str]]] = {}
    for draft in drafts:
        lead = leads.get(next((known[key] for key in draft.keys if key in known), UUID(int=0)))
        if lead is None:
            continue
        filled = _complete(lead, replace(draft, company=""), {}, overwrite=overwrite)
        changes = [[name, *map(_shown, change)] for name, change in filled.items() if name != "fields"]
        changes += [[name, *map(_shown, change)] for name, change in filled.get("fields", {}).items()]
        if draft.company and lead.company is None:
            changes.append(["company", "", draft.company])
        found[draft.number] = changes
    return found


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


def _complete(lead: Lead, draft: RowDraft, companies: dict[str, UUID], *, overwrite: bool) -> dict[str, Any]:
    """Give a lead what it lacks; return what that was: before and after, by field."""
    filled: dict[str, Any] = {}
    for name in ("first_name", "last_name", "title", "country", "time_zone"):
        if getattr(draft, name) and not getattr(lead, name):
            setattr(lead, name, getattr(draft, name))
            filled[name] = ["", getattr(draft, name)]
    fields = {
        name: [lead.fields.get(name), value]
        for name, value in draft.fields.items()
        if lead.fields.get(name) != value and (overwrite or lead.fields.get(name) in (None, ""))
    }
    if fields:
        filled["fields"] = fields
        lead.fields = {**lead.fields, **{name: after for name, (_, after) in fields.items()}}
    if draft.company and lead.company_id is None:
        lead.company_id = companies[identity.company_key(draft.company)]
        filled["company"] = [None, str(lead.company_id)]
    return filled


def _remember(known: dict[str, Any], filled: dict[str, Any]) -> None:
    """Add what a further row of the same person filled in: the first "before" and the last "after" stay."""
    for name, change in filled.items():
        if name != "fields":
            known[name] = change
            continue
        own = known.setdefault("fields", {})
        for field_name, (before, after) in change.items():
            own[field_name] = [own[field_name][0] if field_name in own else before, after]


def companies_of(client_id: UUID, names: Mapping[str, str]) -> dict[str, UUID]:
    """The ids of a client's companies by key (``identity.company_key``), given names by key; made if not there."""
    if not names:
        return {}
    rows = Company.objects.filter(client_id=client_id)
    known = dict(rows.filter(is_one_of("name_key", names)).values_list("name_key", "id"))
    new = sorted(names.keys() - known.keys())
    if new:
        common = {"client_id": client_id, "domain": "", "country": "", "fields": {}}
        insert_rows(
            Company,
            [{**common, "name": names[key][:200], "name_key": key} for key in new],
            ignore_conflicts=True,
        )
        known.update(rows.filter(is_one_of("name_key", new)).values_list("name_key", "id"))
    return known


def company_named(client_id: UUID, name: str) -> Company:
    """The client's company of that name, made if there is none."""
    text = " ".join(name.split())[:200]
    key = identity.company_key(text)
    found: Company = Company.objects.get(id=companies_of(client_id, {key: text})[key])
    return found
