"""Operations: addresses of a lead, duplicates, merging, erasure, and the bundle of all that is known of a person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Query, Status

from campaigns import selectors_duplicates, selectors_leads
from campaigns.api import lead_record_schemas as schemas
from campaigns.api import rows
from campaigns.api.lead_schemas import AddressOut, LeadOut
from campaigns.api.routing import router
from campaigns.models import Lead
from campaigns.services import erasure, lead_addresses, merging
from project.core.api_pages import PageIn, PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Leads"]


def _lead(request: ApiRequest, lead_id: UUID) -> Lead:
    found: Lead = get_or_404(rows.leads(request.access), lead_id)
    return found


@router.post("/leads/{lead_id}/addresses", response={201: AddressOut}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def add_address(request: ApiRequest, lead_id: UUID, payload: schemas.AddressIn) -> Any:
    """Give a lead one more address. `ADDRESS_TAKEN`: the details name the lead that has it; merge the two."""
    lead = _lead(request, lead_id)
    return Status(201, lead_addresses.add(lead=lead, **payload.dict(), actor=request.access.user))


@router.patch("/lead-addresses/{address_id}", response=AddressOut, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def mend_address(request: ApiRequest, address_id: UUID, payload: schemas.AddressValueIn) -> Any:
    """Write an address anew: what leaves next goes there, and what was learnt of the old one is forgotten."""
    found = get_or_404(selectors_leads.addresses(request.access), address_id)
    return lead_addresses.mend(address=found, value=payload.value, actor=request.access.user)


@router.delete("/lead-addresses/{address_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def remove_address(request: ApiRequest, address_id: UUID) -> Any:
    """Take an address off a lead; one that is on the do-not-contact list stays."""
    found = get_or_404(selectors_leads.addresses(request.access), address_id)
    lead_addresses.remove(address=found, actor=request.access.user)
    return Status(204, None)


@router.get("/lead-duplicates", response=list[schemas.DuplicateOut], tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def list_duplicates(request: ApiRequest, client_id: UUID) -> Any:
    """Pairs of a client's leads that may be one person, with what speaks for it; the thirty strongest."""
    client = get_or_404(request.access.clients(), client_id)
    return [
        {"one": rows.lead_shown(pair.one), "other": rows.lead_shown(pair.other), "evidence": pair.evidence}
        for pair in selectors_duplicates.pairs(client.id)
    ]


@router.get("/lead-merges", response=PageOut[schemas.MergeOut], tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def list_merges(request: ApiRequest, page: Query[PageIn]) -> Any:
    """Merges that can be taken back, newest first."""
    return page_of(selectors_duplicates.recent_merges(request.access), page, order=("-created_at", "-id"))


@router.post("/leads/{lead_id}/merges", response={201: schemas.MergeOut}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def merge_leads(request: ApiRequest, lead_id: UUID, payload: schemas.OtherIn) -> Any:
    """Merge another lead of the same client into this one; its addresses, campaigns and conversations come along."""
    kept, other = _lead(request, lead_id), _lead(request, payload.other_id)
    return Status(201, merging.merge(kept=kept, other=other, actor=request.access.user))


@router.post("/leads/{lead_id}/distinctions", response={204: None}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def keep_leads_apart(request: ApiRequest, lead_id: UUID, payload: schemas.OtherIn) -> Any:
    """Say that two leads are two people: they are not proposed again."""
    one, other = _lead(request, lead_id), _lead(request, payload.other_id)
    merging.keep_apart(one=one, other=other, actor=request.access.user)
    return Status(204, None)


@router.post("/lead-merges/{merge_id}/undo", response=schemas.MergeOut, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def part_leads(request: ApiRequest, merge_id: UUID) -> Any:
    """Take two leads apart again; what happened since stays with the kept one."""
    found = get_or_404(selectors_duplicates.recent_merges(request.access), merge_id)
    return merging.part(merge_id=found.id, actor=request.access.user)


@router.post("/leads/{lead_id}/erasure", response=LeadOut, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def erase_lead(request: ApiRequest, lead_id: UUID, payload: schemas.ErasureIn) -> Any:
    """Erase a person for good: names, addresses, texts, files. Sums of reports stay, and an import is kept out."""
    gone = erasure.erase(lead=_lead(request, lead_id), reason=payload.reason, actor=request.access.user)
    return rows.lead_shown(_lead(request, gone.id))


@router.get("/leads/{lead_id}/bundle", response=dict[str, Any], tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def get_bundle(request: ApiRequest, lead_id: UUID) -> Any:
    """Everything that is kept of a person, for whoever asks what is known about them. Audited."""
    return erasure.bundle(lead=_lead(request, lead_id), actor=request.access.user)
