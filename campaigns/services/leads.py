"""Writing leads: the one place where rows become people at companies with addresses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from campaigns import identity
from campaigns.imports.mapping import RowDraft
from campaigns.models import Company, ErasedAddress, Lead, LeadChannel, Suppression
from project.core.db.bulk import update_rows
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


def existing_leads(*, client_id: UUID, keys: Iterable[Key]) -> dict[Key, UUID]:
    """Return the leads of a client that already have one of the addresses, by ``(kind, normalised)``.

    LinkedIn member ids are found as identifiers and as learnt provider ids.
    """
    wanted = set(keys)
    if not wanted:
        return {}
    by_kind: dict[str, list[str]] = {}
    for kind, value in wanted:
        by_kind.setdefault(kind, []).append(value)
    condition = Q()
    for kind, values in by_kind.items():
        condition |= Q(kind=_channel(kind), normalized__in=values)
        if kind == "linkedin":
            ids = [value for value in values if identity.is_member_id(value)]
            if ids:
                condition |= Q(kind=kind, provider_id__in=ids)
    found: dict[Key, UUID] = {}
    rows = LeadChannel.objects.filter(condition, client_id=client_id)
    for kind, normalized, provider_id, lead_id in rows.values_list(
        "kind", "normalized", "provider_id", "lead_id"
    ):
        found[("phone" if kind == "sms" else kind, normalized)] = lead_id
        if provider_id and (kind, provider_id) in wanted:
            found[(kind, provider_id)] = lead_id
    return found


def suppressed_keys(*, client_id: UUID, keys: Iterable[Key]) -> set[Key]:
    """Return which addresses are suppressed for the client or the whole organization, domains included, or belong
    to somebody who was erased.
    """
    wanted = list(set(keys))
    if not wanted:
        return set()
    domains = {value.rpartition("@")[2] for kind, value in wanted if kind == "email"}
    rows = (
        Suppression.objects.filter(Q(client_id=client_id) | Q(client_id=None))
        .filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        .filter(
            Q(is_domain=False, value__in=[value for _, value in wanted])
            | Q(is_domain=True, value__in=list(domains))
        )
    )
    exact: set[tuple[str, str]] = set()
    blocked_domains: set[tuple[str, str]] = set()
    # The channel of a phone address is the SMS channel in suppressions.
    for channel, value, is_domain in rows.values_list("channel", "value", "is_domain"):
        (blocked_domains if is_domain else exact).add((channel, value))
    exact |= _erased(client_id, wanted)
    return {
        (kind, value)
        for kind, value in wanted
        if (_channel(kind), value) in exact
        or (kind == "email" and ("email", value.rpartition("@")[2]) in blocked_domains)
    }


def _erased(client_id: UUID, keys: list[Key]) -> set[tuple[str, str]]:
    organization_id = current_organization_id()
    digests = {
        identity.digest(organization_id, _channel(kind), value): (_channel(kind), value)
        for kind, value in keys
    }
    rows = ErasedAddress.objects.filter(client_id=client_id, digest__in=list(digests))
    return {digests[digest] for digest in rows.values_list("digest", flat=True)}


def refuse_erased(*, client_id: UUID, drafts: Iterable[RowDraft]) -> None:
    """Raise ``Invalid`` if one of the people was erased: nothing makes a lead of them again, whatever way they come."""
    keys = list({key for draft in drafts for key in draft.keys})
    if _erased(client_id, keys):
        raise Invalid("This person was erased at their request, so no lead is made of them again.")


def _channel(kind: str) -> str:
    return "sms" if kind == "phone" else kind


@transaction.atomic
def upsert_batch(*, client_id: UUID, drafts: list[RowDraft]) -> Upserted:
    """Create or complete the leads of valid drafts, in a fixed number of statements.

    An existing lead (any shared address) keeps what it has and gains what it lacked; the file's non-empty name,
    title and company win over empty ones only. Drafts of one person within the batch become one lead.
    """
    result = Upserted()
    lock_people(client_id)
    refuse_erased(client_id=client_id, drafts=drafts)
    known = existing_leads(client_id=client_id, keys=[key for draft in drafts for key in draft.keys])
    companies = _companies(client_id, drafts)
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
            lead.removed_at = None
            result.updated.append(lead.id)
        filled = _complete(lead, draft, companies)
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


def _complete(lead: Lead, draft: RowDraft, companies: dict[str, Company]) -> dict[str, Any]:
    """Give a lead what it lacks; return what that was: before and after, by field."""
    filled: dict[str, Any] = {}
    for name in ("first_name", "last_name", "title", "country", "time_zone"):
        if getattr(draft, name) and not getattr(lead, name):
            setattr(lead, name, getattr(draft, name))
            filled[name] = ["", getattr(draft, name)]
    fields = {
        name: [lead.fields.get(name), value]
        for name, value in draft.fields.items()
        if lead.fields.get(name) != value
    }
    if fields:
        filled["fields"] = fields
        lead.fields = {**lead.fields, **draft.fields}
    if draft.company and lead.company_id is None:
        lead.company = companies[identity.company_key(draft.company)]
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


def _companies(client_id: UUID, drafts: list[RowDraft]) -> dict[str, Company]:
    names = {identity.company_key(draft.company): draft.company for draft in drafts if draft.company}
    if not names:
        return {}
    Company.objects.bulk_create(
        [Company(client_id=client_id, name=name[:200], name_key=key) for key, name in sorted(names.items())],
        ignore_conflicts=True,
        batch_size=1000,
    )
    return {
        company.name_key: company
        for company in Company.objects.filter(client_id=client_id, name_key__in=list(names))
    }


def company_named(client_id: UUID, name: str) -> Company:
    """The client's company of that name, made if there is none."""
    draft = RowDraft(number=1, values=[], company=" ".join(name.split())[:200])
    return _companies(client_id, [draft])[identity.company_key(draft.company)]
