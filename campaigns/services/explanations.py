"""Why, and why not: for a waiting action every condition with its state; for a message that left what led to it.

Nothing here changes anything: the same gates are asked that the engine asks, limits are read and not charged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.utils.timezone import localtime

from campaigns.models import Enrollment, EnrollmentSender, ScheduledAction, Transition, VariantChoice
from campaigns.plans.schema import SendNode
from campaigns.querysets import senders_prefetch
from campaigns.scheduling import CalendarNeverOpens, spread, zones
from campaigns.services import gates, messages, variants
from campaigns.services.assignment import choice_of
from campaigns.services.changes import sender_for
from campaigns.services.planning import context_of, plan_of
from integrations.models import OutboundMessage, SendAttempt, SenderAccount
from integrations.services import rates
from integrations.services.holds import Hold
from project.core.clock import now


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a send. ``until`` is when it clears by itself; ``change`` what a person could do, and
    ``where`` the name of the page to do it on.
    """

    code: str
    label: str
    met: bool
    reason: str = ""
    until: datetime | None = None
    final: bool = False
    change: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class WhyNot:
    """What a waiting action waits for. ``binding`` is the condition that decides; ``at`` the next instant at which it
    can happen, ``None`` if nobody can say before somebody acts.
    """

    action: ScheduledAction
    conditions: tuple[Condition, ...]
    binding: Condition | None
    at: datetime | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Why:
    """Why a message left when, from whom and as it did: sentences in the order of the decisions."""

    outbound: OutboundMessage
    reasons: tuple[tuple[str, str], ...]
    attempts: tuple[SendAttempt, ...]


#: What a person could do about a condition, and where (name of a page).
_CHANGES: dict[str, tuple[str, str]] = {
    "enrollment_paused": ("Resume this lead.", "campaigns:enrolled"),
    "campaign": ("Resume the campaign.", "campaigns:detail"),
    "kill_switch": ("Switch sending on again.", "integrations:switches"),
    "entitlement": ("Enable the channel for this client.", "tenancy:settings"),
    "suppressed": ("Nothing: whoever asked to be left alone is.", ""),
    "calendar": ("Widen the campaign's sending window.", "campaigns:builder"),
    "quiet_hours": ("Nothing: texts leave in decent hours of the recipient's day.", ""),
    "frozen": ("Take the freeze back.", "integrations:senders"),
    "sender": ("Add a sender account to the campaign.", "campaigns:builder"),
    "sender_gone": ("Connect the account again, or add another one.", "integrations:senders"),
    "sender_status": ("Connect the account again.", "integrations:senders"),
    "connection": ("Mend the connection.", "integrations:connections"),
    "paused": ("Resume the sender.", "integrations:senders"),
    "throttled": ("Wait: the network asked for less.", "integrations:senders"),
    "brake": ("Look at what came back, then release the brake.", "integrations:senders"),
    "stale_inbox": ("Sync the sender's inbox.", "integrations:sync"),
    "limit": ("Raise the limit that binds, or add a sender.", "integrations:rates"),
    "no_address": ("Add the address to the lead.", "campaigns:lead"),
    "unfilled": ("Fill the field, or give the variable a fallback.", "campaigns:lead"),
}


def why_not(action: ScheduledAction, loaded: Enrollment | None = None) -> WhyNot:
    """Explain what a due or coming action waits for.

    ``loaded`` is its enrollment where the caller has it with campaign, lead (client, company, channels) and senders.
    """
    enrollment = loaded if loaded is not None else _enrollment(action)
    conditions = [_time(action)]
    node = plan_of(enrollment).index.get(action.node_id)
    around = gates.Circumstances.of([enrollment], {node.channel} if isinstance(node, SendNode) else set())
    for label, hold in gates.every(enrollment, action, around):
        conditions.append(_condition(label, hold))
    if action.kind == ScheduledAction.Kind.SEND and isinstance(node, SendNode):
        sender = sender_for(enrollment, node.channel, choice_of(node))
        if sender is not None:
            conditions.append(_limit(node, sender, enrollment))
            conditions.append(_text(enrollment, node, action.visit, sender))
    if action.held_by == "pace":
        conditions.append(
            Condition("pace", "Its place in the queue", False, action.held_reason, until=action.due_at)
        )
    return _answer(action, enrollment, conditions)


def _enrollment(action: ScheduledAction) -> Enrollment:
    found: Enrollment = (
        Enrollment.objects.select_related("campaign__client", "lead__company", "lead__client")
        .prefetch_related(senders_prefetch(), "lead__channels")
        .get(id=action.enrollment_id)
    )
    return found


def _time(action: ScheduledAction) -> Condition:
    met = action.due_at <= now()
    reason = "" if met else "The plan has it for later."
    return Condition("due", "Its time has come", met, reason, until=None if met else action.due_at)


def _condition(label: str, hold: Hold | None) -> Condition:
    if hold is None:
        return Condition("", label, True)
    change, where = _CHANGES.get(hold.code, ("", ""))
    return Condition(hold.code, label, False, hold.reason, hold.until, hold.final, change, where)


def _limit(node: SendNode, sender: SenderAccount, enrollment: Enrollment) -> Condition:
    email = next((row.normalized for row in enrollment.lead.channels.all() if row.kind == "email"), "")
    domain = rates.domain_of({"email": email}) if node.channel == "email" else ""
    caps = rates.caps_of(sender, node.action, now(), domain)
    binding = next((cap for cap in caps if cap.binds), None)
    if binding is None or binding.remaining > 0:
        used = f"{binding.used} of {binding.limit}, {binding.name}" if binding is not None else ""
        return Condition("", f"Inside every limit of {sender}", True, used)
    change, where = _CHANGES["limit"]
    reason = f"{binding.used} of {binding.limit} are used: {binding.name}."
    return Condition(
        "limit", f"Inside every limit of {sender}", False, reason, binding.resets_at, False, change, where
    )


def _text(enrollment: Enrollment, node: SendNode, visit: int, sender: SenderAccount) -> Condition:
    label = "The text is complete for this lead"
    try:
        messages.compose(
            enrollment=enrollment,
            node=node,
            visit=visit,
            sender=sender,
            winner=variants.winners().get((enrollment.campaign_id, node.id), "") if node.variants else "",
        )
    except messages.NotSendable as error:
        return _condition(label, Hold(error.code, str(error), until=error.until, final=error.final))
    return Condition("", label, True)


def _answer(action: ScheduledAction, enrollment: Enrollment, conditions: list[Condition]) -> WhyNot:
    """Find what binds: what never clears, then what nobody can date, then what clears last."""
    unmet = [one for one in conditions if not one.met]
    if action.state != ScheduledAction.State.DUE:
        told = "It is done." if action.state == ScheduledAction.State.DONE else "It was withdrawn."
        return WhyNot(action, tuple(conditions), None, None, told)
    if not unmet:
        return WhyNot(
            action, tuple(conditions), None, now(), "Nothing is in the way; it leaves at the next look."
        )
    order: Callable[[Condition], tuple[bool, bool, float]] = lambda one: (  # noqa: E731
        one.final,
        one.until is None,
        one.until.timestamp() if one.until else 0.0,
    )
    binding = max(unmet, key=order)
    if binding.final:
        return WhyNot(action, tuple(conditions), binding, None, f"It will not leave. {binding.reason}")
    if binding.until is None:
        sentence = f"It waits until somebody acts. {binding.reason}"
        return WhyNot(action, tuple(conditions), binding, None, sentence)
    at = _opening(binding.until, enrollment, action)
    sentence = f"It can leave {zones.told(at, context_of(enrollment).tz)} at the earliest. {binding.reason}"
    return WhyNot(action, tuple(conditions), binding, at, sentence)


def _opening(at: datetime, enrollment: Enrollment, action: ScheduledAction) -> datetime:
    """The first instant at or after ``at`` at which the campaign's calendar is open."""
    if action.kind != ScheduledAction.Kind.SEND:
        return at
    context = context_of(enrollment)
    try:
        return max(at, spread(at, context.calendar, context.tz, seed=f"{enrollment.id}:{action.node_id}"))
    except CalendarNeverOpens:
        return at


# --- what left ----------------------------------------------------------------------------------------


def why(outbound: OutboundMessage) -> Why:
    """Explain a message of a campaign that left, or that is in the outbox."""
    attempts = tuple(SendAttempt.objects.filter(outbound=outbound).order_by("number"))
    if outbound.enrollment_id is None:
        author = outbound.author.display_name if outbound.author else "a person"
        return Why(outbound, (("Who wrote it", f"Written by {author}."),), attempts)
    reasons = [
        ("Why this step", _step_reason(outbound)),
        ("Why this sender", _sender_reason(outbound)),
        ("Why these words", _words_reason(outbound)),
        ("Why then", _time_reason(outbound)),
        ("What it was counted against", _limits_reason(outbound)),
    ]
    return Why(outbound, tuple((title, text) for title, text in reasons if text), attempts)


def _step_reason(outbound: OutboundMessage) -> str:
    led: Transition | None = (
        Transition.objects.filter(
            enrollment_id=outbound.enrollment_id,
            to_node=outbound.node_id,
            occurred_at__lte=outbound.created_at,
        )
        .order_by("-occurred_at", "-id")
        .first()
    )
    return led.reason if led is not None else "The sequence begins with it."


def _sender_reason(outbound: OutboundMessage) -> str:
    link: EnrollmentSender | None = EnrollmentSender.objects.filter(
        enrollment_id=outbound.enrollment_id, sender_id=outbound.sender_id
    ).first()
    return f"{outbound.sender}: {link.reason}" if link is not None else f"{outbound.sender}."


def _words_reason(outbound: OutboundMessage) -> str:
    if not outbound.variant_id:
        return "The step has one wording."
    choice: VariantChoice | None = VariantChoice.objects.filter(
        campaign_id=outbound.campaign_id,
        node_id=outbound.node_id,
        variant_id=outbound.variant_id,
        decided_at__lte=outbound.created_at,
    ).first()
    if choice is not None:
        return f"Variant {outbound.variant_id}, which everybody gets since it was chosen. {choice.reason}"
    return f"Variant {outbound.variant_id}, drawn by weight; this lead keeps it."


def _time_reason(outbound: OutboundMessage) -> str:
    action: ScheduledAction | None = ScheduledAction.objects.filter(
        enrollment_id=outbound.enrollment_id,
        node_id=outbound.node_id,
        visit=outbound.visit,
        kind=ScheduledAction.Kind.SEND,
    ).first()
    parts = []
    if action is not None:
        parts.append(f"It was due {localtime(action.due_at):%d %b %H:%M %Z}, inside the sending window.")
    if outbound.hold_reason and outbound.state == OutboundMessage.State.QUEUED:
        parts.append(outbound.hold_reason)
    if outbound.sent_at is not None:
        parts.append(f"The provider took it {localtime(outbound.sent_at):%d %b %H:%M:%S %Z}.")
    return " ".join(parts)


def _limits_reason(outbound: OutboundMessage) -> str:
    units = (outbound.reservation or {}).get("keys", ())
    if not units:
        return ""
    return f"One unit of each of {len(units)} budget{'' if len(units) == 1 else 's'} of {outbound.sender}."
