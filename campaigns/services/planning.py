"""From rows to what the pure interpreter takes: plan, calendar, context. Cached per immutable version."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from uuid import UUID

from campaigns.models import Enrollment, Lead, PlanVersion, Relation
from campaigns.plans import conditions
from campaigns.plans.graph import CONNECTED_FIELD
from campaigns.plans.schema import BranchNode, Plan
from campaigns.plans.state import Context, context_for
from campaigns.services.settings import calendar_of
from integrations.models.connections import Channel


@lru_cache(maxsize=512)
def _plan(version_id: UUID) -> Plan:
    # Plan versions are append-only in the database, so an id always means the same plan.
    return Plan.model_validate(PlanVersion.objects.get(id=version_id).plan)


def plan_of_version(version_id: UUID) -> Plan:
    """The plan of a version."""
    return _plan(version_id)


def plan_of(enrollment: Enrollment) -> Plan:
    """The plan that an enrollment runs."""
    return _plan(enrollment.plan_version_id)


def context_of(enrollment: Enrollment) -> Context:
    """Calendar, zone and branch fields of an enrollment (``campaign`` and ``lead`` should be loaded)."""
    campaign = enrollment.campaign
    kept = enrollment.__dict__.get("_context")
    if kept is not None and kept[0] is campaign:
        # Asked several times for one action; campaigns are not changed while their enrollments are worked on.
        context: Context = kept[1]
        return context
    plan = plan_of(enrollment)
    tested = _tested(enrollment.plan_version_id)
    made = context_for(
        plan,
        calendar_of(campaign),
        seed=str(enrollment.id),
        lead_zone=enrollment.lead.time_zone or None,
        use_lead_zone=campaign.use_lead_time_zone,
        fields=_fields(enrollment, tested) if tested else {},
    )
    if not tested:
        enrollment.__dict__["_context"] = (campaign, made)
    return made


@lru_cache(maxsize=512)
def _tested(version_id: UUID) -> frozenset[str]:
    return tested_fields(_plan(version_id))


def tested_fields(plan: Plan) -> frozenset[str]:
    """The fields that the plan's branches test."""
    return frozenset(
        name for node in plan.nodes if isinstance(node, BranchNode) for name in conditions.fields_of(node)
    )


def _fields(enrollment: Enrollment, tested: frozenset[str]) -> dict[str, Any]:
    known = CONNECTED_FIELD in tested and is_first_degree(enrollment)
    return {**lead_fields(enrollment.lead, first_degree=known), "enrollment.stage": enrollment.stage}


def is_first_degree(enrollment: Enrollment) -> bool:
    """Whether the enrollment's LinkedIn sender is connected with its lead; any sender's word while it has none."""
    senders = [link.sender_id for link in enrollment.sender_links.all() if link.channel == Channel.LINKEDIN]
    relations = Relation.objects.filter(lead_id=enrollment.lead_id)
    known: bool = (relations.filter(sender_id__in=senders) if senders else relations).exists()
    return known


def lead_fields(lead: Lead, *, first_degree: bool = False) -> dict[str, Any]:
    """The values of a lead (and its ``company``, loaded with it) that branches test, by full name."""
    fields: dict[str, Any] = {
        "lead.first_name": lead.first_name,
        "lead.last_name": lead.last_name,
        "lead.title": lead.title,
        "lead.country": lead.country,
        "lead.time_zone": lead.time_zone,
        CONNECTED_FIELD: first_degree,
    }
    if lead.company is not None:
        fields["company.name"] = lead.company.name
        fields["company.domain"] = lead.company.domain
        fields["company.country"] = lead.company.country
    fields.update({f"custom.{name}": value for name, value in lead.fields.items()})
    return fields
