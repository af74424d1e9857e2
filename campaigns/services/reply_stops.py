"""What a reply ends besides the sequence it answers: by the campaign's setting the lead's, or the whole company's.

``Campaign.reply_stops`` of the campaigns that wrote to the lead decides; the widest wins. A company is the company row
of the lead and every company of the client with the same domain; domains of free-mail services name no company.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, Func, Q, TextField, Value

from campaigns.freemail import is_free_mail
from campaigns.models import Campaign, Company, Enrollment, EnrollmentSender, Lead, LeadChannel
from campaigns.plans.state import Cause
from campaigns.services import enrollments
from integrations.models import SenderAccount
from integrations.models.connections import Channel

Stops = Campaign.ReplyStops


@dataclass(frozen=True, slots=True)
class Affected:
    """Locked enrollments that a reply concerns: the lead's own, and those of people at the same company."""

    own: list[Enrollment]
    colleagues: list[Enrollment]


def affected_by(*, lead: Lead, sender: SenderAccount) -> Affected:
    """Lock and return what a reply of ``lead`` to ``sender`` concerns, in order of the enrollments' ids.

    The lead's own are those that have sent something or still run. One of a campaign that a reply ends by itself only
    counts if ``sender`` writes for it.
    """
    rows = list(
        Enrollment.objects.filter(lead=lead)
        .exclude(status=Enrollment.Status.ENDED, stage=Enrollment.Stage.PENDING)
        .values_list("id", "campaign__reply_stops")
    )
    answered = set(
        EnrollmentSender.objects.filter(
            enrollment__in=[found for found, _ in rows], sender=sender
        ).values_list("enrollment_id", flat=True)
    )
    own = {found for found, stops in rows if stops != Stops.CAMPAIGN or found in answered or not answered}
    others: set[UUID] = set()
    if any(stops == Stops.COMPANY for _, stops in rows):
        others = _colleagues(lead)
    locked = enrollments.locked_many(sorted(own | others))
    return Affected(
        own=[row for row in locked if row.id in own], colleagues=[row for row in locked if row.id in others]
    )


def stop_colleagues(affected: Affected, *, lead: Lead, event_id: str) -> list[str]:
    """End the sequences of the people at the lead's company; return a sentence for each."""
    told = []
    reason = f"{lead} of the same company replied."
    for enrollment in affected.colleagues:
        if enrollment.status == Enrollment.Status.ENDED:
            continue
        enrollments.end(enrollment, cause=Cause("rule", f"company_reply:{event_id}"), reason=reason)
        told.append(f"“{enrollment.campaign}” stopped for {enrollment.lead}.")
    return told


def _colleagues(lead: Lead) -> set[UUID]:
    """Running enrollments of other leads of the client at the same company."""
    domains = _domains(lead)
    companies = Q(lead__company_id=lead.company_id) if lead.company_id else Q()
    if domains:
        same = Company.objects.filter(client_id=lead.client_id, domain__in=domains).values("id")
        companies |= Q(lead__company__in=same)
        companies |= Q(lead__in=_with_domain(lead.client_id, domains))
    if not companies:
        return set()
    rows = Enrollment.objects.filter(companies, client_id=lead.client_id).exclude(lead=lead)
    return set(rows.exclude(status=Enrollment.Status.ENDED).values_list("id", flat=True))


def _domains(lead: Lead) -> set[str]:
    """The domains that name the lead's company: its own, and those of the lead's mail addresses."""
    addresses = LeadChannel.objects.filter(lead=lead, kind=Channel.EMAIL).values_list("normalized", flat=True)
    found = {address.rpartition("@")[2] for address in addresses}
    if lead.company is not None and lead.company.domain:
        found.add(lead.company.domain.lower().removeprefix("www."))
    return {domain for domain in found if domain and not is_free_mail(domain)}


def domain_of_address() -> Func:
    """The domain of a mail address, as the index on addresses has it."""
    return Func(F("normalized"), Value("@"), Value(2), function="split_part", output_field=TextField())


def _with_domain(client_id: UUID, domains: set[str]) -> list[UUID]:
    rows = LeadChannel.objects.filter(client_id=client_id, kind=Channel.EMAIL).annotate(
        mail_domain=domain_of_address()
    )
    return list(rows.filter(mail_domain__in=domains).values_list("lead_id", flat=True))
