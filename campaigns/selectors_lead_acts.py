"""Reads of acts on leads: what can be chosen, how far an act is, and what is said of it."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Count, Q, QuerySet

from campaigns.models import Campaign, LeadAct, LeadActItem, LeadLabel
from campaigns.models.lead_acts import LEAD_ACT_KEEPS, LEAD_ACT_WORDS
from campaigns.services.lead_acts import can_undo
from campaigns.services.lead_changes import OWNING
from project.core.ids import parse_uuid
from project.tenancy.access import Access
from project.tenancy.models import Membership, User

#: Most that a choice offers, and that is listed of what could not be done.
CHOICES: Final = 200
LISTED: Final = 20


def own_acts(access: Access) -> QuerySet[LeadAct]:
    """The viewer's own acts, the newest first."""
    rows: QuerySet[LeadAct] = LeadAct.objects.filter(actor=access.user).order_by("-created_at", "-id")
    return rows


def items(entry: LeadAct, *states: str) -> QuerySet[LeadActItem]:
    """Leads of an act in some states, in order."""
    rows: QuerySet[LeadActItem] = LeadActItem.objects.filter(entry=entry, state__in=states)
    return rows.select_related("lead").order_by("id")


def act_shown(entry: LeadAct, *, names: bool) -> dict[str, Any]:
    """An act in words: what was done, how many were left out, and whether it can be taken back.

    ``names`` lists the first of those who were left out, with the reasons: one more statement.
    """
    people = "1 person" if entry.total == 1 else f"{entry.total:,} people"
    done = entry.done - entry.failed
    past = LEAD_ACT_WORDS[entry.act]
    is_back = entry.state in {LeadAct.State.UNDOING, LeadAct.State.UNDONE}
    if entry.state == LeadAct.State.UNDONE:
        text = f"Taken back for {done - entry.kept:,} of {people}"
    elif is_back:
        text = f"Taking back: {past.lower()} {people}"
    else:
        text = f"{past} {f'{done:,} of ' if entry.failed else ''}{people}"
    about = f" ({entry.about})" if entry.about and not is_back else ""
    wanted = LeadActItem.State.KEPT if is_back else LeadActItem.State.FAILED
    count = entry.kept if is_back else entry.failed
    left = [
        {"lead": item.lead, "why": item.why}
        for item in (items(entry, wanted)[:LISTED] if count and names else ())
    ]
    return {
        "id": entry.id,
        "text": text + about,
        "at": entry.created_at,
        "done": entry.back if is_back else entry.done,
        "total": done if is_back else entry.total,
        "is_running": entry.state in {LeadAct.State.RUNNING, LeadAct.State.UNDOING},
        "can_undo": can_undo(entry),
        "keeps": LEAD_ACT_KEEPS.get(entry.act, ""),
        "left": left,
        "left_count": count,
        "more_left": max(0, count - LISTED),
    }


def owners(access: Access) -> list[User]:
    """Who may have leads, by name."""
    rows = Membership.objects.filter(is_active=True, role__in=OWNING).select_related("user")
    return [member.user for member in rows.order_by("user__name", "id")[:CHOICES]]


def labels(access: Access) -> list[str]:
    """Labels of leads within reach, the most used first."""
    rows = LeadLabel.objects.filter(access.client_filter()).values("name").annotate(count=Count("id"))
    return [row["name"] for row in rows.order_by("-count", "name")[:CHOICES]]


def running_campaigns(access: Access) -> QuerySet[Campaign]:
    """Campaigns that people can be added to."""
    rows: QuerySet[Campaign] = Campaign.objects.filter(
        access.client_filter(), Q(status=Campaign.Status.ACTIVE)
    ).select_related("client")
    return rows.order_by("client__name", "name", "id")[:CHOICES]


def act_choices(access: Access, act: str) -> dict[str, Any]:
    """What an act can be given, and what taking it back leaves."""
    choices: dict[str, Any] = {"act": act, "keeps": LEAD_ACT_KEEPS.get(act, "")}
    if act == "assign":
        choices["owners"] = owners(access)
    elif act == "label":
        choices["labels"] = labels(access)
    elif act == "enroll":
        choices["campaigns"] = running_campaigns(access)
    return choices


def within_reach(access: Access, given: dict[str, Any]) -> dict[str, Any]:
    """What an act was given, without a campaign that the viewer may not see: it is as if there were none."""
    campaign_id = parse_uuid(str(given.get("campaign", "")))
    if campaign_id is None or Campaign.objects.filter(access.client_filter(), id=campaign_id).exists():
        return given
    return {**given, "campaign": ""}
