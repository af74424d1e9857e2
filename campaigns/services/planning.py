"""From rows to what the pure interpreter takes: plan, calendar, context. Cached per immutable version."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from uuid import UUID

from campaigns.models import Enrollment, PlanVersion
from campaigns.plans.schema import BranchNode, Plan
from campaigns.plans.state import Context, context_for
from campaigns.services.settings import calendar_of


@lru_cache(maxsize=512)
def _plan(version_id: UUID) -> Plan:
    # Plan versions are append-only in the database, so an id always means the same plan.
    return Plan.model_validate(PlanVersion.objects.get(id=version_id).plan)


def plan_of(enrollment: Enrollment) -> Plan:
    """The plan that an enrollment runs."""
    return _plan(enrollment.plan_version_id)


def context_of(enrollment: Enrollment) -> Context:
    """Calendar, zone and branch fields of an enrollment (``campaign`` and ``lead`` should be loaded)."""
    plan = plan_of(enrollment)
    branches = any(isinstance(node, BranchNode) for node in plan.nodes)
    return context_for(
        plan,
        calendar_of(enrollment.campaign),
        seed=str(enrollment.id),
        lead_zone=enrollment.lead.time_zone or None,
        use_lead_zone=enrollment.campaign.use_lead_time_zone,
        fields=_fields(enrollment) if branches else {},
    )


def _fields(enrollment: Enrollment) -> dict[str, Any]:
    lead = enrollment.lead
    fields: dict[str, Any] = {
        "lead.first_name": lead.first_name,
        "lead.last_name": lead.last_name,
        "lead.title": lead.title,
        "lead.country": lead.country,
        "lead.time_zone": lead.time_zone,
        "enrollment.stage": enrollment.stage,
    }
    if lead.company is not None:
        fields["company.name"] = lead.company.name
        fields["company.domain"] = lead.company.domain
        fields["company.country"] = lead.company.country
    fields.update({f"custom.{name}": value for name, value in lead.fields.items()})
    return fields
