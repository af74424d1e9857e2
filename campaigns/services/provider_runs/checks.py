"""What keeps a provider-run campaign from being launched: refused here, before anything is pushed."""

from __future__ import annotations

from campaigns.models import Campaign, CampaignMirror
from campaigns.plans.schema import Plan
from campaigns.services.points import CAPABILITY_OF_CHANNEL, Point
from campaigns.services.provider_runs import mirrors
from campaigns.services.provider_runs.sequence import read
from integrations import registry
from integrations.base import KeepsSequences, require
from integrations.declaring import Provider
from integrations.errors import ProviderError
from integrations.models import Connection, SenderAccount
from integrations.running import StepProblem
from integrations.services.adapters import adapter_of
from project.tenancy.services.entitlements import provider_for


def points(campaign: Campaign, plan: Plan | None) -> list[Point]:
    """The points that only provider-run campaigns have. ``plan`` is the draft with its snippets put in."""
    mirror = mirrors.of_campaign(campaign.id)
    provider = registry.get(mirror.connection.provider)
    found = [_entitlement(mirror, provider), _connection(mirror, provider)]
    if plan is not None:
        found += _sequence(mirror, provider, plan)
    return [*found, *_settings(campaign, provider), *_senders(mirror, provider)]


def _entitlement(mirror: CampaignMirror, provider: Provider) -> Point:
    capability = CAPABILITY_OF_CHANNEL[provider.channels[0]]
    serves = provider_for(capability, mirror.campaign.client_id)
    if serves == provider.kind:
        return Point("entitlement", True, f"{provider.label} runs it.", "settings")
    if serves is None:
        return Point("entitlement", False, f"{capability.label} is not enabled for this client.", "grants")
    text = f"{capability.label} of this client goes through another provider now, not {provider.label}."
    return Point("entitlement", False, text, "grants")


def _connection(mirror: CampaignMirror, provider: Provider) -> Point:
    connection = mirror.connection
    if connection.status in {Connection.Status.FAILING, Connection.Status.DISABLED}:
        why = connection.last_error or "it is disabled."
        return Point(
            "connection", False, f"The connection to {provider.label} does not work: {why}", "connections"
        )
    return Point("connection", True, f"The connection to {provider.label} works.", "settings")


def _sequence(mirror: CampaignMirror, provider: Provider, plan: Plan) -> list[Point]:
    linear = read(plan)
    problems = list(linear.problems)
    if not problems:
        problems += _of_adapter(mirror, linear.steps)
    if not problems:
        return [Point("provider", True, f"{provider.label} can carry out every step.", "plan")]
    return [Point("provider", False, sentence(problem, linear.nodes), "plan") for problem in problems]


def _of_adapter(mirror: CampaignMirror, steps: tuple[object, ...]) -> list[StepProblem]:
    try:
        keeper = require(adapter_of(mirror.connection), KeepsSequences)
        return list(keeper.check_sequence(steps))  # type: ignore[arg-type]  # steps of ``read``
    except ProviderError as error:
        return [StepProblem(step=0, field="provider", message=error.message)]


def sentence(problem: StepProblem, nodes: tuple[str, ...]) -> str:
    """A problem with its step and field: “Step 2 (message_2), wait_hours: …”."""
    if not problem.step:
        return f"The sequence, {problem.field}: {problem.message}"
    name = f" ({nodes[problem.step - 1]})" if problem.step <= len(nodes) else ""
    return f"Step {problem.step}{name}, {problem.field}: {problem.message}"


def _settings(campaign: Campaign, provider: Provider) -> list[Point]:
    found = []
    window = campaign.window
    if window["start"] > window["end"] and window["end"] != "00:00":
        text = f"{provider.label} cannot send over midnight: let the window end on the day it begins."
        found.append(Point("window", False, text, "window"))
    if campaign.use_lead_time_zone:
        text = f"{provider.label} sends in one time zone: do not use the lead's own."
        found.append(Point("window", False, text, "window"))
    return found


def _senders(mirror: CampaignMirror, provider: Provider) -> list[Point]:
    rows = SenderAccount.objects.filter(campaign_links__campaign=mirror.campaign)
    strangers = list(rows.exclude(connection_id=mirror.connection_id).order_by("name"))
    if not strangers:
        return []
    names = ", ".join(sender.name for sender in strangers)
    text = f"{provider.label} sends from its own accounts only; take out {names}."
    return [Point("senders", False, text, "senders")]
