"""The launch checklist: every point that would stop a campaign, in plain words, before it starts."""

from __future__ import annotations

from typing import Final

from django.db.models import Exists, OuterRef
from pydantic import ValidationError

from campaigns.models import Campaign, Lead, LeadChannel
from campaigns.plans.errors import PlanInvalid
from campaigns.plans.schema import Plan, SendNode, exits
from campaigns.plans.texts import FIELDS
from campaigns.plans.validate import Options, validate
from campaigns.rendering import INVITE_NOTE, INVITE_NOTE_FREE
from campaigns.rendering.proofreading import Remark, Weight, proofread
from campaigns.scheduling import CalendarNeverOpens, next_opening, zone
from campaigns.services import assignment, reviews, snippets, unfilled
from campaigns.services.assignment import Rotation
from campaigns.services.audiences import listed
from campaigns.services.outreach import lacking, policy_of
from campaigns.services.points import CAPABILITY_OF_CHANNEL, Point
from campaigns.services.provider_runs import checks
from campaigns.services.settings import calendar_of
from integrations import registry
from integrations.base import Capability as ProviderCapability
from integrations.models import SenderAccount
from integrations.models.connections import Channel
from project.core.clock import now
from project.tenancy.services.entitlements import provider_for

#: People are counted up to so many: a checklist is shown often, a list may have a million.
COUNTED: Final = 10_000


def open_points(campaign: Campaign, *, accept_unfilled: bool = False) -> list[str]:
    """What stands against a launch, in words; ``accept_unfilled`` takes what may be accepted as said."""
    return [
        point.message
        for point in check(campaign)
        if not point.ok and not (accept_unfilled and point.can_be_accepted)
    ]


def check(campaign: Campaign) -> list[Point]:
    """Return all points, met and open, in the order of the builder."""
    if campaign.kind == Campaign.Kind.PROVIDER:
        return [
            *_plan_points(campaign),
            *_text_points(campaign),
            *_outreach_points(campaign),
            *checks.points(campaign, expanded_plan(campaign)),
            _window_point(campaign),
            *_sender_points(campaign),
            _audience_point(campaign),
            *_unfilled_points(campaign),
            *_review_points(campaign),
        ]
    return [
        *_plan_points(campaign),
        *_text_points(campaign),
        *_outreach_points(campaign),
        _window_point(campaign),
        *_sender_points(campaign),
        _audience_point(campaign),
        *_unfilled_points(campaign),
        *_review_points(campaign),
    ]


def _review_points(campaign: Campaign) -> list[Point]:
    """Whether just this plan was approved, where that is asked for."""
    if not campaign.needs_approval:
        return []
    review = reviews.current(campaign)
    if review is None:
        return [Point("review", False, "This plan has to be approved; nobody was asked yet.", "review")]
    who = review.decided_by.display_name if review.decided_by else "Somebody"
    if review.state == reviews.State.DECLINED:
        return [Point("review", False, f"{who} wants changes: {review.note}", "review")]
    if review.approved_until is None:
        return [Point("review", False, "This plan waits to be approved.", "review")]
    who = f"{who} approved" if review.state == reviews.State.APPROVED else "Approved is"
    # Nothing of those who came later holds the launch up: they do not enter it.
    later = reviews.came_later(campaign, review, audience_leads(campaign))[: COUNTED + 1].count()
    if not later:
        return [Point("review", True, f"{who} just this plan, for everybody in the list.", "review")]
    return [
        Point(
            "review",
            True,
            f"{who} just this plan. {people(later)} came into the list since and wait: ask again for them.",
            "review",
        )
    ]


def _plan_points(campaign: Campaign) -> list[Point]:
    if not campaign.draft_plan:
        return [Point("plan", False, "Write at least one step.", "plan")]
    try:
        plan = Plan.model_validate(snippets.expanded(campaign.draft_plan, campaign.client_id))
    except PlanInvalid as invalid:
        return [
            Point("plan", False, f"{error.node}: {error.message}", "plan", error.node)
            for error in invalid.errors
        ]
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return [Point("plan", False, f"The sequence is not complete: {place}: {first['msg']}.", "plan")]
    problems = [
        Point(
            "plan",
            False,
            f"{problem.node}: {problem.message}" if problem.node else problem.message,
            "plan",
            problem.node,
        )
        for problem in validate(plan, options_of(campaign))
    ]
    channels = {node.channel for node in plan.nodes if node.type == "send"}
    if not channels:
        return [Point("plan", False, "Write at least one step.", "plan"), *problems]
    if campaign.kind == Campaign.Kind.PROVIDER:
        channels = set()  # the provider is what is granted
    entitled = [_entitlement_point(campaign, channel) for channel in sorted(channels)]
    return [
        *(
            problems
            or [Point("plan", True, f"The sequence has {len(plan.nodes)} nodes and is valid.", "plan")]
        ),
        *entitled,
    ]


def options_of(campaign: Campaign) -> Options:
    """What the plan's validity depends on besides: free LinkedIn seats send shorter notes."""
    seats = SenderAccount.objects.filter(campaign_links__campaign=campaign, channel="linkedin")
    free = any(not seat.has_paid_seat for seat in seats)
    return Options(invite_note=INVITE_NOTE_FREE if free else INVITE_NOTE)


def _text_points(campaign: Campaign) -> list[Point]:
    """Faults that a careful reader finds in the texts; advice is shown beside the steps and holds nothing up."""
    plan = expanded_plan(campaign)
    if plan is None:
        return []
    return [
        Point("text", False, f"{node.id}: {remark.message}", "plan", node.id)
        for node in plan.nodes
        if isinstance(node, SendNode)
        for remark in remarks_of(node)
        if remark.weight is Weight.FAULT
    ]


def expanded_plan(campaign: Campaign) -> Plan | None:
    """Return the draft with its snippets put in, ``None`` while it is not complete."""
    try:
        return Plan.model_validate(snippets.expanded(campaign.draft_plan, campaign.client_id))
    except (ValidationError, PlanInvalid):
        return None


def remarks_of(node: SendNode) -> list[Remark]:
    """What a careful reader says about all texts of a step."""
    contents = [variant.content for variant in node.variants] or ([node.content] if node.content else [])
    return [
        remark
        for content in contents
        for field in FIELDS
        if (text := str(getattr(content, field)))
        for remark in proofread(text, action=node.action, field=field, threaded=node.thread_with is not None)
    ]


def _entitlement_point(campaign: Campaign, channel: str) -> Point:
    capability = CAPABILITY_OF_CHANNEL[channel]
    provider = provider_for(capability, campaign.client_id)
    if provider is None:
        return Point("entitlement", False, f"{capability.label} is not enabled for this client.", "grants")
    if registry.can(provider, ProviderCapability.RUNS_CAMPAIGNS):
        label = registry.get(provider).label
        text = f"{label} runs this client's campaigns by itself: make one that {label} runs."
        return Point("entitlement", False, text, "grants")
    return Point("entitlement", True, f"{capability.label} is enabled.", "grants")


def _outreach_points(campaign: Campaign) -> list[Point]:
    """What the client has to settle before e-mails or texts may leave: consent, and where to write back to."""
    plan = expanded_plan(campaign)
    channels = (
        {node.channel for node in plan.nodes if isinstance(node, SendNode)} if plan is not None else set()
    )
    policy = policy_of(campaign.client_id)
    found = []
    for channel, label in (("email", "e-mail"), ("sms", "text messages")):
        if channel not in channels:
            continue
        wanted = lacking(policy, channel)
        if wanted:
            message = f"Settle for {label} of this client: {'; '.join(wanted)}."
            found.append(Point("consent", False, message, "outreach"))
        else:
            found.append(Point("consent", True, f"The client's rules for {label} are settled.", "outreach"))
    return found


def _window_point(campaign: Campaign) -> Point:
    try:
        opens = next_opening(now(), calendar_of(campaign), zone(campaign.time_zone))
    except (CalendarNeverOpens, ValueError) as error:
        return Point("window", False, str(error), "window")
    local = opens.astimezone(zone(campaign.time_zone))
    return Point(
        "window", True, f"Next sending time: {local:%a %d %b %H:%M} ({campaign.time_zone}).", "window"
    )


def _sender_points(campaign: Campaign) -> list[Point]:
    """Whether every step has somebody to send it: for each channel, account and pool that the plan names."""
    rotation = Rotation.bare(campaign)
    senders = rotation.senders
    if not senders:
        return [Point("senders", False, "Choose at least one sender account.", "senders")]
    plan = expanded_plan(campaign)
    slots = assignment.slots_of(plan) if plan is not None and campaign.kind != Campaign.Kind.PROVIDER else []
    found = [point for slot in slots for point in _slot_points(rotation, plan, slot)]
    down = [sender for sender in senders if _is_down(sender)]
    if len(down) == len(senders):
        text = f"No chosen sender can send now: {_with_states(down)}."
        found = [point for point in found if point.where != "accounts"]
        return [*found, Point("senders", False, text, "accounts")]
    text = f"{len(senders) - len(down)} of {len(senders)} senders can send."
    return found or [Point("senders", True, text, "senders")]


def _slot_points(rotation: Rotation, plan: Plan | None, slot: assignment.Slot) -> list[Point]:
    """What is wrong with the senders of one channel and choice: there is none, or none that can send."""
    channel, choice = slot
    steps = [
        node
        for node in (plan.nodes if plan else [])
        if isinstance(node, SendNode) and (node.channel, assignment.choice_of(node)) == slot
    ]
    kind, _, name = choice.partition(":")
    label = Channel(channel).label
    fitting = rotation.fitting(slot)
    if not fitting and not kind:
        text = f"No {label} sender is chosen: {_steps(steps)} would be given up for everybody."
        return [Point("senders", False, text, "senders")]
    if not fitting:
        what = (
            f"the pool “{name}” has no {label} sender"
            if kind == "pool"
            else f"this client has no such {label} account"
        )
        text = f"{steps[0].id}: {what}; choose another one."
        return [Point("senders", False, text, "plan", steps[0].id)]
    if all(_is_down(sender) for sender in fitting):
        text = f"No {label} sender for {_steps(steps)} can send now: {_with_states(fitting)}."
        return [Point("senders", False, text, "accounts")]
    return []


def _steps(nodes: list[SendNode]) -> str:
    first = nodes[0].id
    return (
        first
        if len(nodes) == 1
        else f"{first} and {len(nodes) - 1} more step{'' if len(nodes) == 2 else 's'}"
    )


def _is_down(sender: SenderAccount) -> bool:
    return sender.status != SenderAccount.Status.OK or sender.paused_at is not None


def _with_states(senders: list[SenderAccount]) -> str:
    def state(sender: SenderAccount) -> str:
        return "paused" if sender.paused_at else sender.get_status_display().lower()

    shown = ", ".join(f"{sender.name} ({state(sender)})" for sender in senders[:5])
    return f"{shown} and {len(senders) - 5} more" if len(senders) > 5 else shown


def _unfilled_points(campaign: Campaign) -> list[Point]:
    plan = expanded_plan(campaign)
    return unfilled.points(campaign, plan, audience_leads(campaign)) if plan is not None else []


def people(count: int) -> str:
    """So many people in words; a count that ended at ``COUNTED`` says that there are more."""
    if count > COUNTED:
        return f"More than {COUNTED:,} people"
    return "1 person" if count == 1 else f"{count:,} people"


def _audience_point(campaign: Campaign) -> Point:
    count = audience_leads(campaign)[: COUNTED + 1].count()
    reach = " or ".join(_ADDRESS[channel] for channel in first_channels(campaign))
    if count == 0:
        return Point(
            "audience", False, f"No lead with {reach} is in the list. Import leads first.", "audience"
        )
    return Point("audience", True, f"{people(count)} with {reach}.", "audience")


_ADDRESS = {"linkedin": "a LinkedIn profile", "email": "an e-mail address", "sms": "a phone number"}


def first_channels(campaign: Campaign) -> list[str]:
    """The channels that a lead may be written to first: without an address there, the sequence cannot begin."""
    plan = expanded_plan(campaign)
    if plan is None:
        return ["linkedin"]
    waiting, seen, found = [plan.start_node_id], set[str](), set[str]()
    while waiting:
        node = plan.index.get(waiting.pop())
        if node is None or node.id in seen:
            continue
        seen.add(node.id)
        if isinstance(node, SendNode):
            found.add(node.channel)
        else:
            waiting += [target for _, target in exits(node)]
    return sorted(found) or ["linkedin"]


def audience_leads(campaign: Campaign):  # type: ignore[no-untyped-def]  # QuerySet of a scoped manager
    """The leads a campaign approaches: of its audience, with an address that the sequence can begin at."""
    leads = Lead.objects.filter(client_id=campaign.client_id, removed_at=None)
    return listed(campaign, with_first_address(campaign, leads))


def with_first_address(campaign: Campaign, leads):  # type: ignore[no-untyped-def]  # QuerySet of a scoped manager
    """Those of ``leads`` with an address that the sequence can begin at."""
    address = LeadChannel.objects.filter(lead=OuterRef("pk"), kind__in=first_channels(campaign))
    return leads.filter(Exists(address))
