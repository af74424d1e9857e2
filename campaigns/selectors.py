"""Reads of campaigns: one function per screen or part."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q, Value
from django.db.models.functions import Concat

from campaigns.models import Enrollment, Lead, ScheduledAction, Transition
from campaigns.plans.schema import SendNode, StopNode, WaitNode
from campaigns.services.planning import plan_of

_ACTIONS = {"invite": "Invitation", "message": "Message", "inmail": "InMail", "profile_view": "Profile visit"}




def node_label(node: Any) -> str:
    """A plain name of a node."""
    if node.label:
        return str(node.label)
    if isinstance(node, SendNode):
        return _ACTIONS.get(node.action, node.action.capitalize())
    if isinstance(node, WaitNode):
        return "Wait"
    return "End" if isinstance(node, StopNode) else "Branch"


def next_action(enrollment: Enrollment) -> ScheduledAction | None:
    """What an enrollment waits for: the earliest due action."""
    return (
        ScheduledAction.objects.filter(enrollment=enrollment, state=ScheduledAction.State.DUE)
        .order_by("due_at", "id")
        .first()
    )


def lead_journey(lead: Lead) -> dict[str, Any] | None:
    """The lead's newest enrollment: its steps, what goes out next and why, and the newest entries of its history."""
    enrollment = (
        Enrollment.objects.filter(lead=lead)
        .select_related("campaign", "sender")
        .order_by("-created_at", "-id")
        .first()
    )
    if enrollment is None:
        return None
    history = list(Transition.objects.filter(enrollment=enrollment).order_by("-occurred_at", "-id")[:12])
    waiting = next_action(enrollment)
    plan = plan_of(enrollment)
    reached = {entry.to_node for entry in history}
    return {
        "enrollment": enrollment,
        "campaign": enrollment.campaign,
        "waiting": waiting,
        "waiting_label": node_label(plan.node(waiting.node_id)) if waiting else "",
        "history": history,
        "steps": [
            {
                "label": node_label(node),
                "channel": node.channel,
                "current": node.id == enrollment.node_id,
                "reached": node.id in reached,
            }
            for node in plan.nodes
            if isinstance(node, SendNode)
        ],
        "can_pause": enrollment.status == Enrollment.Status.ACTIVE,
        "can_resume": enrollment.status == Enrollment.Status.PAUSED,
    }


def lead_candidates(client_id: UUID, name: str) -> list[Lead]:
    """Leads of a client whose name resembles the one the network gives, for linking by hand."""
    words = [word for word in name.split() if len(word) > 1][:4]
    if not words:
        return []
    full = Concat("first_name", Value(" "), "last_name")
    condition = Q()
    for word in words:
        condition |= Q(full_name_text__icontains=word)
    return list(
        Lead.objects.filter(client_id=client_id)
        .annotate(full_name_text=full)
        .filter(condition)
        .select_related("company")
        .order_by("last_name", "first_name", "id")[:5]
    )
