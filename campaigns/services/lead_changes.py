"""What may be done to many leads at once, and how each of it is taken back. ``lead_acts`` keeps the journal.

Each change is given the leads of one chunk and says what it changed of each (empty: it was so already) and whom it
could not change, with the reason. Taking back says who stays as they are. Rows of enrollments are locked before those
of leads (docs/decisions/0006-locks-and-claims.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db.models import Q
from django.utils.dateparse import parse_datetime

from campaigns.models import Campaign, Enrollment, Lead, LeadChannel, LeadLabel, Suppression
from campaigns.plans.state import Cause
from campaigns.querysets import answers
from campaigns.services import checklist, enrollments, entry, suppression, suppression_marks
from campaigns.services.assignment import Rotation
from campaigns.services.provider_runs import mirrors
from project.core.clock import now
from project.core.ids import parse_uuid
from project.core.refusals import Invalid
from project.tenancy.models import Membership, MembershipClient, Role, User

#: Roles whose members may have leads of their own.
OWNING: Final = (Role.ADMIN, Role.MANAGER, Role.AGENT)
Given = Mapping[str, Any]
Before = Mapping[str, Any]


@dataclass(slots=True)
class Result:
    """Of one chunk: what was changed of whom, and whom it could not be done to, and why."""

    before: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    refused: dict[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """An act. ``check`` raises ``Invalid`` for what it cannot be given, and says in words what it was given."""

    check: Callable[[Given], str]
    do: Callable[[Sequence[Lead], Given, User], Result]
    #: Of leads with what was kept of them: who stays as they are, and why.
    undo: Callable[[Sequence[tuple[Lead, Before]], Given, User], dict[UUID, str]]


# --- whose leads they are ----------------------------------------------------------------------------


def _member(given: Given) -> Membership | None:
    owner_id = parse_uuid(given.get("owner") or "")
    if owner_id is None:
        return None
    found: Membership | None = (
        Membership.objects.filter(user_id=owner_id, is_active=True, role__in=OWNING)
        .select_related("user")
        .first()
    )
    if found is None:
        raise Invalid("Choose somebody of the team who works with leads.", field="owner")
    return found


def _check_owner(given: Given) -> str:
    member = _member(given)
    return member.user.display_name if member else "nobody"


def _assign(leads: Sequence[Lead], given: Given, actor: User) -> Result:
    result = Result()
    member = _member(given)
    clients: set[UUID] | None = None
    if member is not None and not member.all_clients:
        links = MembershipClient.objects.filter(membership=member)
        clients = set(links.values_list("client_id", flat=True))
    owner_id = member.user_id if member else None
    for lead in leads:
        if member is not None and clients is not None and lead.client_id not in clients:
            result.refused[lead.id] = f"{member.user.display_name} does not work for this client."
        elif lead.owner_id != owner_id:
            result.before[lead.id] = {"owner": str(lead.owner_id) if lead.owner_id else None}
    Lead.objects.filter(id__in=result.before).update(owner_id=owner_id, updated_at=now())
    return result


def _unassign(changed: Sequence[tuple[Lead, Before]], given: Given, actor: User) -> dict[UUID, str]:
    present = given.get("owner") or None
    kept: dict[UUID, str] = {}
    by_owner: dict[UUID | None, list[UUID]] = {}
    for lead, before in changed:
        if str(lead.owner_id or "") != (present or ""):
            kept[lead.id] = "Somebody has assigned them since."
        else:
            by_owner.setdefault(parse_uuid(before["owner"] or ""), []).append(lead.id)
    for owner_id, ids in by_owner.items():
        Lead.objects.filter(id__in=ids).update(owner_id=owner_id, updated_at=now())
    return kept


# --- labels ------------------------------------------------------------------------------------------


def _check_label(given: Given) -> str:
    name = str(given.get("label", ""))
    if not 1 <= len(name) <= 40 or name != " ".join(name.lower().split()):
        raise Invalid("A label has 1 to 40 characters.", field="label")
    return name


def _label(leads: Sequence[Lead], given: Given, actor: User) -> Result:
    name = given["label"]
    have = set(LeadLabel.objects.filter(lead__in=leads, name=name).values_list("lead_id", flat=True))
    lacking = [lead for lead in leads if lead.id not in have]
    LeadLabel.objects.bulk_create(
        [LeadLabel(client_id=lead.client_id, lead=lead, name=name) for lead in lacking], ignore_conflicts=True
    )
    return Result(before={lead.id: {"label": False} for lead in lacking})


def _unlabel(leads: Sequence[Lead], given: Given, actor: User) -> Result:
    rows = LeadLabel.objects.filter(lead__in=leads, name=given["label"])
    have = list(rows.values_list("lead_id", flat=True))
    rows.delete()
    return Result(before={lead_id: {"label": True} for lead_id in have})


def _undo_label(changed: Sequence[tuple[Lead, Before]], given: Given, actor: User) -> dict[UUID, str]:
    _unlabel([lead for lead, _ in changed], given, actor)
    return {}


def _undo_unlabel(changed: Sequence[tuple[Lead, Before]], given: Given, actor: User) -> dict[UUID, str]:
    _label([lead for lead, _ in changed], given, actor)
    return {}


# --- campaigns ---------------------------------------------------------------------------------------


def _check_campaign(given: Given) -> str:
    found = Campaign.objects.filter(id=parse_uuid(given.get("campaign") or "")).first()
    if found is None:
        raise Invalid("Choose a campaign.", field="campaign")
    if found.status != Campaign.Status.ACTIVE:
        raise Invalid(f"“{found.name}” is not running: launch or resume it first.", field="campaign")
    return str(found.name)


def _enroll(leads: Sequence[Lead], given: Given, actor: User) -> Result:
    campaign = (
        Campaign.objects.select_for_update(of=("self",))
        .select_related("current_version")
        .get(id=given["campaign"])
    )
    result = Result()
    if campaign.status != Campaign.Status.ACTIVE:
        result.refused = {lead.id: "The campaign does not run any more." for lead in leads}
        return result
    entry.lock_client(campaign.client_id)
    result.refused = _kept_out(campaign, leads)
    entering = [lead for lead in leads if lead.id not in result.refused]
    is_native = campaign.kind == Campaign.Kind.NATIVE
    rotation = Rotation.of(campaign, entering) if entering and is_native else None
    for lead in entering:
        made = enrollments.enroll(campaign=campaign, lead=lead, rotation=rotation)
        if made is not None:
            result.before[lead.id] = {"enrollment": str(made.id)}
    if entering and not is_native:
        mirrors.request(campaign.id)
    return result


def _kept_out(campaign: Campaign, leads: Sequence[Lead]) -> dict[UUID, str]:
    """Who may not enter a campaign, and why: a few statements for all of them."""
    own = Lead.objects.filter(id__in=[lead.id for lead in leads], client_id=campaign.client_id)
    reachable = checklist.with_first_address(campaign, own)
    admitted = set(entry.admissible(campaign, reachable).values_list("id", flat=True))
    reached = set(reachable.values_list("id", flat=True))
    there = set(
        Enrollment.objects.filter(campaign=campaign, lead__in=leads).values_list("lead_id", flat=True)
    )
    unapproved = entry.unapproved(campaign, leads)
    refused: dict[UUID, str] = {}
    for lead in leads:
        if lead.client_id != campaign.client_id:
            refused[lead.id] = "The campaign is another client's."
        elif lead.id in there:
            refused[lead.id] = "They are in it, or were."
        elif suppression_marks.is_marked(lead):
            refused[lead.id] = "They must not be contacted."
        elif lead.id not in reached:
            refused[lead.id] = "They have no address that the sequence can begin at."
        elif lead.id in unapproved:
            refused[lead.id] = "Nobody has approved the campaign for them."
        elif lead.id not in admitted:
            refused[lead.id] = "Another campaign has them to itself, or ended too short a time ago."
    return refused


def _undo_enroll(changed: Sequence[tuple[Lead, Before]], given: Given, actor: User) -> dict[UUID, str]:
    kept: dict[UUID, str] = {}
    for found in enrollments.locked_many([UUID(before["enrollment"]) for _, before in changed]):
        if found.stage != Enrollment.Stage.PENDING:
            kept[found.lead_id] = "They were written to already; stop the campaign for them instead."
        elif found.status != Enrollment.Status.ENDED:
            enrollments.end(
                found, cause=Cause("person", actor.display_name), reason="The adding was taken back."
            )
    return kept


def stop_all(leads: Sequence[Lead], *, reason: str, actor: User) -> dict[UUID, int]:
    """End what runs for these leads; return how many enrollments of whom."""
    running = Enrollment.objects.filter(lead__in=leads).exclude(status=Enrollment.Status.ENDED)
    stopped: dict[UUID, int] = {}
    for found in enrollments.locked_many(list(running.values_list("id", flat=True))):
        if found.status != Enrollment.Status.ENDED:
            enrollments.end(found, cause=Cause("person", actor.display_name), reason=reason)
            stopped[found.lead_id] = stopped.get(found.lead_id, 0) + 1
    return stopped


def _stop(leads: Sequence[Lead], given: Given, actor: User) -> Result:
    stopped = stop_all(leads, reason=f"{actor.display_name} stopped it.", actor=actor)
    return Result(
        before={lead_id: {"stopped": count} for lead_id, count in stopped.items()},
        refused={lead.id: "No campaign runs for them." for lead in leads if lead.id not in stopped},
    )


# --- the do-not-contact list -------------------------------------------------------------------------


def _suppress(leads: Sequence[Lead], given: Given, actor: User) -> Result:
    result = Result()
    addresses: dict[UUID, list[LeadChannel]] = {lead.id: [] for lead in leads}
    for row in LeadChannel.objects.filter(lead__in=leads).order_by("id"):
        addresses[row.lead_id].append(row)
    for lead in leads:
        if not addresses[lead.id]:
            result.refused[lead.id] = "No address of theirs is known."
            continue
        made = [found for row in addresses[lead.id] if (found := _put_on_list(row, given, actor))]
        if made:
            result.before[lead.id] = {"entries": made}
    return result


def _put_on_list(address: LeadChannel, given: Given, actor: User) -> dict[str, Any] | None:
    """The entry that was made for an address, with what it was before; nothing if one without an end stood already."""
    key = {"client_id": address.client_id, "channel": address.kind, "value": address.normalized}
    earlier = Suppression.objects.filter(**key, is_domain=False).first()
    if earlier is not None and earlier.expires_at is None:
        return None
    was = None
    if earlier is not None:
        was = {
            "source": earlier.source,
            "reason": earlier.reason,
            "expires_at": earlier.expires_at.isoformat(),
        }
    row = suppression.suppress(
        client_id=address.client_id,
        channel=address.kind,
        value=address.normalized,
        source=Suppression.Source.PERSON,
        reason=str(given.get("reason", "")),
        actor=actor,
    )
    return {"id": str(row.id), "was": was}


def _undo_suppress(changed: Sequence[tuple[Lead, Before]], given: Given, actor: User) -> dict[UUID, str]:
    kept: dict[UUID, str] = {}
    for lead, before in changed:
        earlier = {UUID(one["id"]): one["was"] for one in before["entries"]}
        for row in Suppression.objects.filter(id__in=earlier):
            # An entry that is another by now came from somewhere else: from the person, or from a bounce.
            if row.source != Suppression.Source.PERSON:
                kept[lead.id] = "They asked to be left alone meanwhile, or an address stopped working."
            elif was := earlier[row.id]:
                row.source, row.reason = was["source"], was["reason"]
                row.expires_at = parse_datetime(was["expires_at"])
                row.save(update_fields=["source", "reason", "expires_at", "updated_at"])
                suppression_marks.mark([lead.id])
            else:
                suppression.remove(suppression=row, actor=actor)
    return kept


# --- removal -----------------------------------------------------------------------------------------


def _remove(leads: Sequence[Lead], given: Given, actor: User) -> Result:
    return remove(leads, actor=actor)


def remove(leads: Sequence[Lead], *, actor: User, keep_replied: bool = False) -> Result:
    """Take leads off the table and out of their campaigns; with ``keep_replied`` whoever has answered stays."""
    result = Result()
    replied = replied_of(leads) if keep_replied else set[UUID]()
    going = [lead for lead in leads if lead.removed_at is None and lead.id not in replied]
    stopped = stop_all(going, reason=f"{actor.display_name} removed the lead.", actor=actor)
    Lead.objects.filter(id__in=[lead.id for lead in going]).update(removed_at=now(), updated_at=now())
    result.before = {lead.id: {"stopped": stopped.get(lead.id, 0)} for lead in going}
    result.refused = dict.fromkeys(replied, "They have replied.")
    return result


_answered: dict[str, Callable[[Sequence[UUID]], set[UUID]]] = {}


def register_answers(name: str, answered: Callable[[Sequence[UUID]], set[UUID]]) -> None:
    """Let a room above say who of some leads has written to us."""
    _answered[name] = answered


def replied_of(leads: Sequence[Lead]) -> set[UUID]:
    """Who of them has answered, in whatever campaign, or in none as far as a room above knows."""
    answered = Q(stage__in=[Enrollment.Stage.REPLIED, Enrollment.Stage.MEETING])
    stages = Enrollment.objects.filter(answered, lead__in=leads).values_list("lead_id", flat=True)
    readings = answers().filter(enrollment__lead__in=leads)
    told = {lead_id for answered in _answered.values() for lead_id in answered([lead.id for lead in leads])}
    return {*stages, *readings.values_list("enrollment__lead_id", flat=True), *told}


def _undo_remove(changed: Sequence[tuple[Lead, Before]], given: Given, actor: User) -> dict[UUID, str]:
    return put_back([lead for lead, _ in changed])


def put_back(leads: Sequence[Lead]) -> dict[UUID, str]:
    """Put removed leads on the table again; their campaigns stay stopped. Returns whom not, and why."""
    Lead.objects.filter(id__in=[lead.id for lead in leads], merged_into=None, erased_at=None).update(
        removed_at=None, updated_at=now()
    )
    gone = {lead.id: "They were merged with somebody since." for lead in leads if lead.merged_into_id}
    return gone | {lead.id: "They were erased since." for lead in leads if lead.erased_at}


def _never(changed: Sequence[tuple[Lead, Before]], given: Given, actor: User) -> dict[UUID, str]:
    raise Invalid("This cannot be taken back.")


def _nothing(given: Given) -> str:
    return ""


CHANGES: Final[dict[str, Change]] = {
    "assign": Change(_check_owner, _assign, _unassign),
    "label": Change(_check_label, _label, _undo_label),
    "unlabel": Change(_check_label, _unlabel, _undo_unlabel),
    "enroll": Change(_check_campaign, _enroll, _undo_enroll),
    "suppress": Change(_nothing, _suppress, _undo_suppress),
    "stop": Change(_nothing, _stop, _never),
    "remove": Change(_nothing, _remove, _undo_remove),
}
