"""Editing the draft of a campaign step by step, as the builder and programs do."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from pydantic import ValidationError

from campaigns.models import Campaign, PlanVersion
from campaigns.plans import edits, library
from campaigns.plans.edits import KINDS, AnyEdit
from campaigns.plans.errors import PlanError, PlanInvalid, field_path, shape_message
from campaigns.plans.naming import name_of
from campaigns.plans.schema import Plan
from campaigns.plans.validate import parse_plan, validate
from campaigns.plans.wiring import EditRefused
from campaigns.services import campaigns, checklist, draft_history, snippets
from project.core.refusals import Invalid
from project.tenancy.models import User


class NotEdited(Invalid):
    """The change makes no sense for this plan; nothing was done."""

    default_code = "EDIT_REFUSED"


def plan_of_draft(campaign: Campaign) -> Plan:
    """The draft as it is, valid or not; a blank plan before anything was written.

    Raises ``NotEdited`` for a draft that has not even the shape of a plan.
    """
    if not campaign.draft_plan:
        return edits.blank(campaign.time_zone)
    try:
        return parse_plan(campaign.draft_plan)
    except PlanInvalid as invalid:
        raise NotEdited(f"The draft cannot be edited step by step. {invalid}") from invalid


def errors_of(campaign: Campaign, plan: Plan) -> list[PlanError]:
    """Everything that is wrong with ``plan`` as the campaign's, its snippets put in."""
    try:
        expanded = Plan.model_validate(snippets.expanded(as_json(plan), campaign.client_id))
    except PlanInvalid as invalid:
        return list(invalid.errors)
    return validate(expanded, checklist.options_of(campaign))


def parse_edit(data: object) -> AnyEdit:
    """Read an edit from JSON. Raises ``NotEdited`` with the first field that is wrong."""
    try:
        return edits.EDIT.validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = field_path(first["loc"][1:] if len(first["loc"]) > 1 else first["loc"])
        raise NotEdited(shape_message(first), field=place) from error


@transaction.atomic
def edit(*, campaign: Campaign, change: AnyEdit, actor: User, version: int | None = None) -> Campaign:
    """Change the draft. It may be invalid afterwards; launching checks it.

    Raises ``NotEdited`` for what makes no sense, ``DraftMoved`` when ``version`` is not the present one.
    """
    found = draft_history.locked(campaign, version)
    plan = plan_of_draft(found)
    try:
        made = edits.apply(plan, change)
    except (EditRefused, ValidationError) as error:
        raise NotEdited(str(error)) from error
    if made == plan and found.draft_plan:
        return found
    return draft_history.record(
        campaign=found,
        plan=as_json(made),
        label=_label(plan, made, change),
        subject=_subject(change),
        actor=actor,
    )


@transaction.atomic
def replace(
    *, campaign: Campaign, plan: Plan, actor: User, label: str, version: int | None = None
) -> Campaign:
    """Put another plan in the place of the draft, as one change that can be undone. Raises ``DraftMoved``."""
    return campaigns.save_plan(
        campaign=campaign, plan=as_json(plan), actor=actor, label=label, version=version
    )


@transaction.atomic
def begin(*, campaign: Campaign, key: str, actor: User, version: int | None = None) -> Campaign:
    """Put a plan of the library in the place of the draft. Raises ``NotEdited`` for one that does not exist."""
    try:
        plan = library.plan_of(key, campaign.time_zone)
    except KeyError as error:
        raise NotEdited("There is no such plan to begin with.") from error
    return replace(
        campaign=campaign, plan=plan, actor=actor, label="Began with a plan of the library", version=version
    )


@transaction.atomic
def restore(*, campaign: Campaign, version: PlanVersion, actor: User) -> Campaign:
    """Make an earlier version the draft again. What was put in for snippets then stays as it was."""
    plan = as_json(Plan.model_validate(version.plan))
    return campaigns.save_plan(
        campaign=campaign, plan=plan, actor=actor, label=f"Back to version {version.number}"
    )


def as_json(plan: Plan) -> dict[str, Any]:
    """A plan as it is kept."""
    return plan.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _label(before: Plan, after: Plan, change: AnyEdit) -> str:
    """What was done, in the past tense: "Added an e-mail", "Removed Intro and 2 steps behind it"."""
    name = _name(before, getattr(change, "node", ""))
    more = len(after.nodes) - len(before.nodes)
    match change:
        case edits.Insert():
            kind = KINDS[change.kind]
            label = f"Added {'an' if kind[0] in 'aeiouI' else 'a'} {kind}"
        case edits.Paste():
            label = f"Pasted {_steps(more)}"
        case edits.Duplicate():
            label = f"Duplicated {name}"
        case edits.Remove():
            label = f"Removed {name}" + (f" and {_steps(-more - 1)} behind it" if more < -1 else "")
        case edits.Move():
            label = f"Moved {name}"
        case edits.Shift():
            label = f"Moved {name} {'up' if change.up else 'down'}"
        case edits.Connect():
            label = f"Connected {name} to {_name(after, change.to)}"
        case edits.SetQuietHours():
            label = "Changed the quiet hours"
        case _:
            label = f"Changed {_WHAT[change.op]} of {name}"
    return label


def _steps(count: int) -> str:
    return f"{count} step{'' if count == 1 else 's'}"


_WHAT = {
    "ways": "the ways on",
    "rules": "the rules",
    "content": "the text",
    "variants": "the variants",
    "label": "the name",
    "wait": "the duration",
    "outcome": "the outcome",
    "sender": "the sender",
    "thread": "the thread",
}


def _name(plan: Plan, node_id: str) -> str:
    node = plan.index.get(node_id)
    return name_of(node) if node else node_id


def _subject(change: AnyEdit) -> str:
    """Typing into one text goes on as one change."""
    if isinstance(change, edits.SetContent):
        return f"content:{change.node}:{change.variant}"
    return f"label:{change.node}" if isinstance(change, edits.SetLabel) else ""
