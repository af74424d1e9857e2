"""The people of a provider-run campaign: enrolled here, handed over in the provider's batches, stopped there.

Each row says what the provider has been told (``EnrollmentMirror.state``). A batch is marked ``handing`` and committed
before the call, so that one whose answer never came is handed over again: providers know people by their key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet

from campaigns import identity
from campaigns.events import EnrollmentEnded, LeadEnrolled
from campaigns.models import (
    Campaign,
    CampaignMirror,
    Enrollment,
    EnrollmentMirror,
    Lead,
    LeadChannel,
    Suppression,
)
from campaigns.plans import followed
from campaigns.plans.state import Cause, Ended, Step, from_json, to_json
from campaigns.querysets import with_senders
from campaigns.rendering import TemplateError, UnfilledVariable, render
from campaigns.services.changes import Changes
from campaigns.services.messages import context_for_lead
from campaigns.services.planning import plan_of
from campaigns.services.provider_runs import mirrors
from campaigns.services.provider_runs.sequence import Linear
from campaigns.services.suppressed import suppressed_leads
from integrations import registry
from integrations.running import LeadsAdded, LeadStatus, NewLead, ProviderLead
from project.core.clock import now
from project.core.events import publish
from project.core.ids import uuid7

State = EnrollmentMirror.State
PAUSED = Q(enrollment__status=Enrollment.Status.PAUSED)
#: How long people may take to show up in a provider's list (EmailBison: up to five minutes).
LISTED_AFTER = timedelta(minutes=10)
#: What the provider may know of the person.
TOLD = (State.HANDING, State.ADDED, State.HELD, State.STOPPING)
#: Statuses in which the provider does nothing more for a person.
OVER = frozenset(
    {
        LeadStatus.REPLIED.value,
        LeadStatus.COMPLETED.value,
        LeadStatus.STOPPED.value,
        LeadStatus.BLOCKED.value,
        LeadStatus.FAILED.value,
    }
)


# --- enrolling --------------------------------------------------------------------------------------


def enroll(*, campaign: Campaign, lead: Lead) -> Enrollment | None:
    """Put one lead into a provider-run campaign; ``None`` when it is in already. Whoever enrolls asks for the push."""
    enrollment = Enrollment(
        client_id=campaign.client_id, campaign=campaign, plan_version=campaign.current_version, lead=lead
    )
    enrollment.organization_id = campaign.organization_id
    step = followed.begin(plan_of(enrollment), now())
    made: Enrollment
    made, created = Enrollment.objects.get_or_create(
        campaign=campaign,
        lead=lead,
        defaults={
            "id": enrollment.id,
            "client_id": enrollment.client_id,
            "plan_version_id": enrollment.plan_version_id,
            "state": to_json(step.state),
        },
    )
    if not created:
        return None
    mirror = mirrors.of_campaign(campaign.id)
    row = EnrollmentMirror(id=uuid7(), mirror=mirror, enrollment=made, key=key_of(lead, mirror))
    if EnrollmentMirror.objects.filter(mirror=mirror, key=row.key).exists():
        # The provider would take them for one person.
        row.key = f"{row.key}#{lead.id}"[:300]
        row.state, row.reason = State.WITHHELD, "Another lead of this campaign has the same address."
    row.save()
    publish(LeadEnrolled(enrollment=made, occurred_at=now(), key=f"{made.id}:enrolled"))
    keep(made, step)
    if row.state == State.WITHHELD:
        finish(made, outcome="error", reason=row.reason, cause=Cause("rule", "duplicate"), at=now())
    return made


def channel_of(mirror: CampaignMirror) -> str:
    """The one channel of a campaign's provider."""
    return registry.get(mirror.connection.provider).channels[0]


def address_of(lead: Lead, channel: str) -> LeadChannel | None:
    """The lead's first address on a channel; one that has not bounced, if there is one."""
    found = [row for row in lead.channels.all() if row.kind == channel]
    found.sort(key=lambda row: (row.bounced_at is not None, row.created_at, row.id))
    return found[0] if found else None


def key_of(lead: Lead, mirror: CampaignMirror) -> str:
    """By what the provider will know the lead."""
    address = address_of(lead, channel_of(mirror))
    if address is None:
        return f"lead:{lead.id}"
    is_mail = address.kind == "email"
    value = address.normalized if is_mail else profile_url(address)
    return NewLead(email=value if is_mail else "", profile_url="" if is_mail else value).key[:300]


def profile_url(address: LeadChannel) -> str:
    """The address of a LinkedIn profile in one spelling."""
    return f"https://www.linkedin.com/in/{address.normalized}"


# --- moving an enrollment ---------------------------------------------------------------------------


def keep(enrollment: Enrollment, step: Step) -> None:
    """Write what a step wants for a locked (or new) enrollment."""
    wanted = Changes()
    wanted.take(enrollment, step)
    wanted.write()


def finish(enrollment: Enrollment, *, outcome: str, reason: str, cause: Cause, at: datetime) -> None:
    """End a locked enrollment."""
    ended = Ended(outcome, reason[:300], cause, enrollment.node_id, at)  # type: ignore[arg-type]
    keep(enrollment, followed.end(from_json(enrollment.state), ended))


def on_ended(event: EnrollmentEnded) -> None:
    """Whoever is out here is not handed over, or stopped at the provider unless that has stopped by itself."""
    enrollment = event.enrollment
    if enrollment.campaign.kind != Campaign.Kind.PROVIDER:
        return
    row = EnrollmentMirror.objects.filter(enrollment=enrollment).first()
    if row is None:
        return
    if row.state == State.WAITING:
        EnrollmentMirror.objects.filter(id=row.id).update(
            state=State.WITHHELD, reason=enrollment.reason[:300], updated_at=now()
        )
    elif row.state in {State.HANDING, State.ADDED, State.HELD} and row.status not in OVER:
        EnrollmentMirror.objects.filter(id=row.id).update(
            state=State.STOPPING,
            reason=enrollment.reason[:300],
            attempts=0,
            not_before=now(),
            updated_at=now(),
        )
        mirrors.request(enrollment.campaign_id)


def locked(enrollment_id: UUID) -> Enrollment:
    """An enrollment with its row locked; the senders of a provider-run campaign wait for nobody here."""
    rows = (
        Enrollment.objects.select_for_update(of=("self",))
        .select_related("campaign", "lead", "lead__company")
        .filter(id=enrollment_id)
    )
    found: Enrollment = with_senders(rows).get()
    return found


@transaction.atomic
def leave_out(row: EnrollmentMirror, *, state: str, outcome: str, reason: str, rule: str) -> None:
    """End somebody whom the provider does not get, or did not want."""
    enrollment = locked(row.enrollment_id)
    EnrollmentMirror.objects.filter(id=row.id).update(state=state, reason=reason[:300], updated_at=now())
    if enrollment.status != Enrollment.Status.ENDED:
        finish(enrollment, outcome=outcome, reason=reason, cause=Cause("rule", rule), at=now())


# --- handing over -----------------------------------------------------------------------------------


def waiting(mirror: CampaignMirror, limit: int) -> list[EnrollmentMirror]:
    """The next people to hand over, with all that is handed over.

    Not those whom somebody has paused here; but whoever may be at the provider already is told again, and held then.
    """
    rows = EnrollmentMirror.objects.filter(mirror=mirror, not_before__lte=now())
    rows = rows.filter(Q(state=State.HANDING) | Q(state=State.WAITING) & ~PAUSED)
    related = ("enrollment", "enrollment__lead", "enrollment__lead__company", "enrollment__lead__client")
    found: list[EnrollmentMirror] = list(
        rows.select_related(*related)
        .prefetch_related("enrollment__lead__channels")
        .order_by("not_before", "id")[:limit]
    )
    return found


def sorted_out(
    mirror: CampaignMirror, rows: Sequence[EnrollmentMirror], linear: Linear
) -> list[tuple[EnrollmentMirror, NewLead]]:
    """Leave those out who must not be handed over, each with the reason; return the others."""
    channel = channel_of(mirror)
    suppressed = suppressed_leads([row.enrollment.lead for row in rows], channels={channel})
    good: list[tuple[EnrollmentMirror, NewLead]] = []
    for row in rows:
        lead = row.enrollment.lead
        source = suppressed.get((lead.id, channel))
        if row.enrollment.status == Enrollment.Status.ENDED:
            EnrollmentMirror.objects.filter(id=row.id, state=State.WAITING).update(state=State.WITHHELD)
        elif source is not None:
            reason = f"{lead} is on the do-not-contact list ({how_listed(source)})."
            leave_out(row, state=State.WITHHELD, outcome="stopped", reason=reason, rule="suppressed")
        else:
            made = _new_lead(lead, channel, linear)
            if isinstance(made, str):
                leave_out(row, state=State.WITHHELD, outcome="error", reason=made, rule="lead")
            else:
                good.append((row, made))
    return good


def how_listed(source: str) -> str:
    """How an entry came onto the do-not-contact list, in the middle of a sentence."""
    return dict(Suppression.Source.choices).get(source, source).lower()


def _new_lead(lead: Lead, channel: str, linear: Linear) -> NewLead | str:
    """The person as handed over, or why that cannot be."""
    address = address_of(lead, channel)
    if address is None:
        return f"{lead} has no {'e-mail address' if channel == 'email' else 'LinkedIn profile'}."
    if channel == "linkedin" and identity.is_member_id(address.normalized):
        return f"{lead} is known by a LinkedIn id only; the address of the profile is needed."
    context = context_for_lead(lead, None)
    standard = {
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "title": lead.title,
        "company": lead.company.name if lead.company else "",
    }
    custom: dict[str, str] = {}
    for hole in linear.holes:
        try:
            value = render(hole.template, context, seed=str(lead.id)).text
        except UnfilledVariable as error:
            return f"{error}: the sequence needs it."
        except TemplateError as error:
            return str(error)
        if standard.get(hole.name) != value:
            custom[hole.name] = value
    mails = channel == "email"
    return NewLead(
        email=address.normalized if mails else "",
        profile_url="" if mails else profile_url(address),
        custom=custom,
        **standard,
    )


@transaction.atomic
def mark_handing(rows: Sequence[EnrollmentMirror]) -> set[UUID]:
    """Mark people as being handed over, before the call; return those that still are to be."""
    ids = [row.id for row in rows]
    EnrollmentMirror.objects.filter(id__in=ids, state__in=[State.WAITING, State.HANDING]).update(
        state=State.HANDING, attempts=F("attempts") + 1, updated_at=now()
    )
    still = EnrollmentMirror.objects.filter(id__in=ids, state=State.HANDING)
    return set(still.values_list("id", flat=True))


@transaction.atomic
def note_added(pairs: Sequence[tuple[EnrollmentMirror, NewLead]], *, added: LeadsAdded, label: str) -> int:
    """Keep what became of people who were handed over; return how many the provider has now."""
    taken = 0
    at = now()
    _note_untaken(pairs[0][0].mirror_id, added, at)
    for row, lead in pairs:
        refusal = added.refused.get(lead.key)
        if refusal is not None:
            reason = f"{label} refused: {refusal}"
            leave_out(row, state=State.REFUSED, outcome="error", reason=reason, rule="refused")
            continue
        taken += 1
        values = {"added_at": at, "provider_lead_id": added.lead_ids.get(lead.key, row.provider_lead_id)}
        # Somebody who was stopped meanwhile stays to be stopped.
        EnrollmentMirror.objects.filter(id=row.id).update(**values, updated_at=at)
        EnrollmentMirror.objects.filter(id=row.id, state=State.HANDING).update(state=State.ADDED)
    return taken


def _note_untaken(mirror_id: UUID, added: LeadsAdded, at: datetime) -> None:
    """Keep how many the provider counts as not taken without naming them; its list is read early to learn who."""
    counts = {name: getattr(added, name) for name in ("invalid", "blocked", "failed", "unsaid")}
    if not any(counts.values()):
        return
    mirror = CampaignMirror.objects.select_for_update(of=("self",)).get(id=mirror_id)
    mirror.untaken = {name: mirror.untaken.get(name, 0) + number for name, number in counts.items()}
    read_at = at + LISTED_AFTER
    if mirror.next_sync_at is None or mirror.next_sync_at > read_at:
        mirror.next_sync_at = read_at
    mirror.save(update_fields=["untaken", "next_sync_at", "updated_at"])


def unserved(mirror: CampaignMirror, *, before: datetime) -> QuerySet[EnrollmentMirror]:
    """Who was handed over long enough before then to be in the provider's list, and got nothing yet."""
    rows: QuerySet[EnrollmentMirror] = EnrollmentMirror.objects.filter(
        mirror=mirror,
        state=State.ADDED,
        step_number=0,
        status=LeadStatus.PENDING.value,
        added_at__lt=before - LISTED_AFTER,
    )
    return rows


def drop_unlisted(mirror: CampaignMirror, *, since: datetime, listed: bool, unknown: int) -> int:
    """Leave those out who were handed over and whom a whole reading of the provider's list, begun at ``since``, lacks.

    Only people of whom nothing has left: others may have been taken out there. An empty list (not ``listed``) is
    believed only where the provider itself counted people as not taken; and nobody is left out while the list has
    ``unknown`` people, who may be ours under another address. Returns how many.
    """
    if unknown or not (listed or mirror.untaken):
        return 0
    rows = unserved(mirror, before=since)
    label = mirrors.label_of(mirror)
    reason = (
        f"{label} did not take them: they were handed over and are not among the campaign's people there."
    )
    dropped = 0
    for row in list(rows.filter(Q(synced_at=None) | Q(synced_at__lt=since)).order_by("id")):
        leave_out(row, state=State.DROPPED, outcome="error", reason=reason, rule="dropped")
        dropped += 1
    return dropped


def put_off(rows: Sequence[EnrollmentMirror], *, reason: str, wait: timedelta) -> None:
    """Try these people again later."""
    EnrollmentMirror.objects.filter(id__in=[row.id for row in rows]).update(
        not_before=now() + wait, reason=reason[:300], updated_at=now()
    )


# --- stopping ---------------------------------------------------------------------------------------


def to_stop(mirror: CampaignMirror, limit: int) -> list[EnrollmentMirror]:
    """The next people to be stopped at the provider."""
    rows = EnrollmentMirror.objects.filter(mirror=mirror, state=State.STOPPING, not_before__lte=now())
    found: list[EnrollmentMirror] = list(
        rows.select_related("enrollment__lead")
        .prefetch_related("enrollment__lead__channels")
        .order_by("attempts", "not_before", "id")[:limit]
    )
    return found


def as_provider_lead(row: EnrollmentMirror, mirror: CampaignMirror) -> ProviderLead:
    """The person as adapters take them."""
    channel = channel_of(mirror)
    address = address_of(row.enrollment.lead, channel)
    is_mail = channel == "email"
    if address is not None:
        given = address.normalized if is_mail else profile_url(address)
    else:
        # Whoever was erased has no address here any more; their key stays until the provider has stopped.
        given = row.key if ("@" if is_mail else "://") in row.key else ""
    return ProviderLead(
        lead_id=row.provider_lead_id,
        campaign_id=mirror.provider_campaign_id,
        membership_id=row.membership_id,
        email=given if is_mail else "",
        profile_url="" if is_mail else given,
        status=LeadStatus(row.status),
        raw_status=row.raw_status,
    )


def note_stopped(row: EnrollmentMirror) -> None:
    """Keep that the provider sends them nothing more."""
    at = now()
    EnrollmentMirror.objects.filter(id=row.id, state=State.STOPPING).update(
        state=State.STOPPED, stopped_at=at, status=LeadStatus.STOPPED.value, updated_at=at
    )
