"""Templates of plans: kept from a campaign, taken over by others, and how far these have moved away from them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from campaigns.models import Campaign, PlanTemplate
from campaigns.plans.schema import Plan, SendNode
from campaigns.services import editing
from project.core.clock import now
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

LONGEST_NAME: Final = 120
LONGEST_NOTE: Final = 300


@dataclass(frozen=True, slots=True)
class Drift:
    """How a campaign's draft stands to the template it was made from: both may be so at once."""

    template: PlanTemplate
    #: Changes that the template has had since.
    behind: int
    #: Whether the draft was changed since.
    changed: bool

    @property
    def state(self) -> str:
        """In a word: ``same``, ``behind``, ``changed``, or ``both``."""
        return (
            ("both" if self.changed else "behind") if self.behind else ("changed" if self.changed else "same")
        )

    @property
    def text(self) -> str:
        """In a sentence."""
        own = "the steps here were changed, too" if self.behind else "the steps here were changed"
        parts = [
            f"the template has changed {self.behind} time{'' if self.behind == 1 else 's'} since it was taken over"
            if self.behind
            else "",
            own if self.changed else "",
        ]
        told = " and ".join(part for part in parts if part)
        return f"{told[0].upper()}{told[1:]}." if told else "As the template has it."


def fingerprint(plan: dict[str, Any]) -> str:
    """Tells plans apart as they are kept, whatever their time zone."""
    data = {name: value for name, value in plan.items() if name != "timezone"}
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def drift_of(campaign: Campaign) -> Drift | None:
    """How the draft stands to its template; ``None`` without one. No query if ``template`` was selected."""
    template: PlanTemplate | None = campaign.template if campaign.template_id else None
    if template is None:
        return None
    return Drift(
        template,
        behind=max(template.version - campaign.template_version, 0),
        changed=fingerprint(campaign.draft_plan) != campaign.template_hash,
    )


@transaction.atomic
def save(
    *,
    client_id: UUID | None,
    name: str,
    note: str,
    plan: Plan,
    actor: User,
    origin: Campaign | None = None,
) -> PlanTemplate:
    """Keep a plan as a template; a name that is there already gets a new version. Campaigns stay as they are.

    ``origin`` is the campaign whose draft it is, which then counts as made from it. Raises ``Invalid``.
    """
    name, note = " ".join(name.split()), " ".join(note.split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Invalid(f"A template's name has 1 to {LONGEST_NAME} characters.", field="name")
    if len(note) > LONGEST_NOTE:
        raise Invalid(f"What it is for has at most {LONGEST_NOTE} characters.", field="note")
    if not any(isinstance(node, SendNode) for node in plan.nodes):
        raise Invalid("A template has at least one step that sends.", field="plan")
    if origin is not None and client_id not in {None, origin.client_id}:
        raise Invalid("A template of another client cannot be made from this campaign.", field="client_id")
    kept = editing.as_json(plan.model_copy(update={"timezone": "UTC"}))
    rows = PlanTemplate.objects.select_for_update()
    found, is_new = rows.get_or_create(
        client_id=client_id, name=name, defaults={"note": note, "plan": kept, "changed_by": actor}
    )
    if not is_new:
        found.version += fingerprint(found.plan) != fingerprint(kept)
        found.note, found.plan, found.changed_by = note, kept, actor
        found.save()
    if origin is not None:
        _join(origin, found, origin.draft_plan)
    audit.record(
        actor=actor, action="plan_template.saved", subject=found, client_id=client_id, version=found.version
    )
    kept_row: PlanTemplate = found
    return kept_row


@transaction.atomic
def take_over(
    *, campaign: Campaign, template: PlanTemplate, actor: User, version: int | None = None
) -> Campaign:
    """Put the template's plan in the place of the draft, as one change that can be undone.

    Raises ``Invalid`` for a campaign that a provider runs and for a template of another client, and ``DraftMoved``.
    """
    if campaign.kind == Campaign.Kind.PROVIDER:
        raise Invalid("What a provider runs has no steps that a template could give.")
    if template.client_id not in {None, campaign.client_id}:
        raise Invalid("This template is another client's.")
    plan = Plan.model_validate(template.plan).model_copy(update={"timezone": campaign.time_zone})
    made = editing.replace(
        campaign=campaign,
        plan=plan,
        actor=actor,
        label=f"Took over {template.name}, version {template.version}",
        version=version,
    )
    _join(made, template, made.draft_plan)
    audit.record(
        actor=actor, action="plan_template.taken", subject=campaign, template=str(template.id),
        version=template.version,
    )  # fmt: skip
    return made.refreshed()


def _join(campaign: Campaign, template: PlanTemplate, plan: dict[str, Any]) -> None:
    Campaign.objects.filter(id=campaign.id).update(
        template=template,
        template_version=template.version,
        template_hash=fingerprint(plan),
        updated_at=now(),
    )


@transaction.atomic
def leave(*, campaign: Campaign, actor: User) -> Campaign:
    """Let a campaign be its own: its steps stay, and nothing is compared any more."""
    Campaign.objects.filter(id=campaign.id).update(
        template=None, template_version=0, template_hash="", updated_at=now()
    )
    audit.record(actor=actor, action="plan_template.left", subject=campaign)
    return campaign.refreshed()


@transaction.atomic
def remove(*, template: PlanTemplate, actor: User) -> None:
    """Forget a template; campaigns made from it keep their steps."""
    audit.record(actor=actor, action="plan_template.removed", subject=template, client_id=template.client_id)
    template.delete()
