"""Taking an import back, chunk by chunk, as an act of the journal (``lead_acts``), and taking that back again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from campaigns.models import Lead, LeadChannel, LeadImport, LeadImportLead, LeadMerge
from campaigns.services import suppression_marks
from campaigns.services.lead_changes import Before, Change, Given, Result, put_back, remove
from integrations.models import OutboundMessage
from project.core.clock import now
from project.core.refusals import Invalid
from project.tenancy.models import User

_FOREVER: Final = datetime.max.replace(tzinfo=UTC)
_NAMES: Final = ("first_name", "last_name", "title", "country", "time_zone")


def _check(given: Given) -> str:
    raise Invalid("An import is taken back on its own page.", field="act")


def _do(leads: Sequence[Lead], given: Given, actor: User) -> Result:
    listed = _listed(leads)
    links = {
        lead_id: link
        for lead_id, lists in listed.items()
        for link in lists
        if str(link.lead_import_id) == given["import"]
    }
    made = [lead for lead in leads if lead.id in links and _came_by(links[lead.id], listed[lead.id])]
    staying = _staying(made, links, listed)
    result = remove([lead for lead in made if lead.id not in staying], actor=actor, keep_replied=True)
    result.refused |= staying
    changed = [lead for lead in leads if lead.id in links and links[lead.id].filled]
    written = set(
        OutboundMessage.objects.filter(
            lead_id__in=[lead.id for lead in changed], created_at__gte=_begun(given)
        ).values_list("lead_id", flat=True)
    )
    for lead in changed:
        filled = links[lead.id].filled
        if lead.id in written and "channels" in filled:
            filled = {name: change for name, change in filled.items() if name != "channels"}
        result.before[lead.id] = {**result.before.get(lead.id, {}), "filled": _empty(lead, filled)}
    _save(changed)
    return result


def _listed(leads: Sequence[Lead]) -> dict[UUID, list[LeadImportLead]]:
    """Which imports made, completed or found them, in the order of time."""
    listed: dict[UUID, list[LeadImportLead]] = {}
    rows = LeadImportLead.objects.filter(lead__in=leads).select_related("lead_import")
    rows = rows.defer(*(f"lead_import__{name}" for name in ("headers", "mapping", "counts", "sample")))
    for link in rows.order_by("created_at", "id"):
        listed.setdefault(link.lead_id, []).append(link)
    return listed


def _brings(link: LeadImportLead) -> bool:
    """Whether an import put somebody on the table: it made them, or brought them back who were removed."""
    return bool(link.created_lead or "removed_at" in link.filled)


def _came_by(own: LeadImportLead, lists: Sequence[LeadImportLead]) -> bool:
    """Whether somebody is on the table by an import and by none before it.

    It put them there, or those before it that did are taken back, and they stayed since it listed them already.
    """
    if _brings(own):
        return True
    held: datetime | None = None  # until when those before it had them on the table
    for link in lists:
        if link.created_at >= own.created_at:
            break
        ends = link.lead_import.undone_at or _FOREVER
        if _brings(link):
            held = ends
        elif held is not None:
            # Somebody who stayed though no import listed them is there for another reason.
            held = max(held, ends) if link.created_at <= held else None
    return held is not None and own.created_at <= held < _FOREVER


def _staying(
    made: Sequence[Lead],
    links: dict[UUID, LeadImportLead],
    listed: dict[UUID, list[LeadImportLead]],
) -> dict[UUID, str]:
    """Who is there for another reason as well, and why."""
    ids = [lead.id for lead in made]
    merged = set(LeadMerge.objects.filter(kept__in=ids, undone_at=None).values_list("kept_id", flat=True))
    staying = dict.fromkeys(merged, "They were merged with somebody who was there otherwise.")
    for lead_id in ids:
        later = (link for link in listed[lead_id] if link.created_at > links[lead_id].created_at)
        if any(link.lead_import.undone_at is None for link in later):
            staying.setdefault(lead_id, "A later import lists them, too.")
    return staying


def _begun(given: Given) -> Any:
    return LeadImport.objects.values_list("created_at", flat=True).get(id=given["import"])


def _empty(lead: Lead, filled: dict[str, Any]) -> dict[str, Any]:
    """Take off a lead what was filled in and is as the import left it; return what was taken off."""
    taken: dict[str, Any] = {}
    for name in _NAMES:
        if name in filled and getattr(lead, name) == filled[name][1]:
            setattr(lead, name, filled[name][0])
            taken[name] = filled[name]
    if "company" in filled and str(lead.company_id) == filled["company"][1]:
        lead.company_id = None
        taken["company"] = filled["company"]
    fields = {
        name: change
        for name, change in filled.get("fields", {}).items()
        if lead.fields.get(name) == change[1]
    }
    if fields:
        kept = {name: value for name, value in lead.fields.items() if name not in fields}
        lead.fields = kept | {name: before for name, (before, _) in fields.items() if before is not None}
        taken["fields"] = fields
    rows = LeadChannel.objects.filter(lead=lead, id__in=filled.get("channels", []))
    if channels := list(rows.values("id", "kind", "value", "normalized")):
        taken["channels"] = [{**row, "id": str(row["id"])} for row in channels]
        rows.delete()
    return taken


def _fill(lead: Lead, taken: dict[str, Any]) -> None:
    """Give a lead what was taken off it, where it still lacks it."""
    for name in _NAMES:
        if name in taken and not getattr(lead, name):
            setattr(lead, name, taken[name][1])
    if "company" in taken and lead.company_id is None:
        lead.company_id = UUID(taken["company"][1])
    lead.fields = lead.fields | {name: after for name, (_, after) in taken.get("fields", {}).items()}
    LeadChannel.objects.bulk_create(
        [LeadChannel(client_id=lead.client_id, lead=lead, **row) for row in taken.get("channels", [])],
        ignore_conflicts=True,
    )


def _save(leads: Sequence[Lead]) -> None:
    for lead in leads:
        lead.updated_at = now()
    Lead.objects.bulk_update(leads, [*_NAMES, "fields", "company", "updated_at"])
    suppression_marks.mark(lead.id for lead in leads)


def _undo(changed: Sequence[tuple[Lead, Before]], given: Given, actor: User) -> dict[UUID, str]:
    LeadImport.objects.filter(id=given["import"]).update(undone_at=None, updated_at=now())
    kept = put_back([lead for lead, before in changed if "stopped" in before])
    filled = [
        (lead, before["filled"])
        for lead, before in changed
        if "filled" in before and not (lead.merged_into_id or lead.erased_at)
    ]
    for lead, taken in filled:
        _fill(lead, taken)
    _save([lead for lead, _ in filled])
    return kept


CHANGE: Final = Change(_check, _do, _undo)
