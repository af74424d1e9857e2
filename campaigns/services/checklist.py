"""The launch checklist: every point that would stop a campaign, in plain words, before it starts."""

from __future__ import annotations

from django.db.models import Exists, OuterRef
from pydantic import ValidationError

from campaigns.models import Campaign, Lead, LeadChannel, LeadImportLead
from campaigns.plans.errors import PlanInvalid
from campaigns.plans.schema import Plan, SendNode, exits
from campaigns.plans.texts import FIELDS
from campaigns.plans.validate import Options, validate
from campaigns.rendering import INVITE_NOTE, INVITE_NOTE_FREE
from campaigns.rendering.proofreading import Remark, Weight, proofread
from campaigns.scheduling import CalendarNeverOpens, next_opening, zone
from campaigns.services import reviews, snippets
from campaigns.services.outreach import lacking, policy_of
from campaigns.services.points import CAPABILITY_OF_CHANNEL, Point
from campaigns.services.provider_runs import checks
from campaigns.services.settings import Audience, calendar_of
from integrations import registry
from integrations.base import Capability as ProviderCapability
from integrations.models import SenderAccount
from project.core.clock import now
from project.tenancy.services.entitlements import provider_for


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
            *_review_points(campaign),
        ]
    return [
        *_plan_points(campaign),
        *_text_points(campaign),
        *_outreach_points(campaign),
        _window_point(campaign),
        *_sender_points(campaign),
        _audience_point(campaign),
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
    if review.state == reviews.State.APPROVED:
        return [Point("review", True, f"{who} approved just this plan.", "review")]
    if review.state == reviews.State.DECLINED:
        return [Point("review", False, f"{who} wants changes: {review.note}", "review")]
    return [Point("review", False, "This plan waits to be approved.", "review")]


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
        return Point("entitlement", False, f"{capability.label} is not enabled for this client.", "settings")
    if registry.can(provider, ProviderCapability.RUNS_CAMPAIGNS):
        label = registry.get(provider).label
        text = f"{label} runs this client's campaigns by itself: make one that {label} runs."
        return Point("entitlement", False, text, "settings")
    return Point("entitlement", True, f"{capability.label} is enabled.", "settings")


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
    senders = list(SenderAccount.objects.filter(campaign_links__campaign=campaign))
    if not senders:
        return [Point("senders", False, "Choose at least one sender account.", "senders")]
    down = [sender for sender in senders if sender.status != SenderAccount.Status.OK or sender.paused_at]
    if len(down) == len(senders):
        names = ", ".join(f"{sender.name} ({sender.get_status_display().lower()})" for sender in down)
        return [Point("senders", False, f"No chosen sender can send now: {names}.", "senders")]
    return [
        Point("senders", True, f"{len(senders) - len(down)} of {len(senders)} senders can send.", "senders")
    ]


def _audience_point(campaign: Campaign) -> Point:
    count = audience_leads(campaign).count()
    reach = " or ".join(_ADDRESS[channel] for channel in first_channels(campaign))
    if count == 0:
        return Point(
            "audience", False, f"No lead with {reach} is in the list. Import leads first.", "audience"
        )
    return Point("audience", True, f"{count:,} leads with {reach}.", "audience")


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
    audience = Audience.model_validate(campaign.audience or {})
    leads = with_first_address(campaign, Lead.objects.filter(client_id=campaign.client_id, removed_at=None))
    if audience.kind == "import":
        ids = LeadImportLead.objects.filter(lead_import_id=audience.import_id).values("lead_id")
        leads = leads.filter(id__in=ids)
    return leads


def with_first_address(campaign: Campaign, leads):  # type: ignore[no-untyped-def]  # QuerySet of a scoped manager
    """Those of ``leads`` with an address that the sequence can begin at."""
    address = LeadChannel.objects.filter(lead=OuterRef("pk"), kind__in=first_channels(campaign))
    return leads.filter(Exists(address))
