"""The parts of a campaign at its provider, in the order in which they are pushed. Each is skipped once it is so.

What ends something comes first: a pause, and people who are stopped, wait for nothing that cannot be pushed.

A part compares a digest of what is wanted with that of what was pushed last; it stores the new one after the call, so
that a crash in between repeats a call that replaces, and never one that adds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from campaigns.models import Campaign, CampaignMirror, EnrollmentMirror
from campaigns.services import live
from campaigns.services.outreach import policy_of
from campaigns.services.provider_runs import holding, mirroring, mirrors, people, stopping
from campaigns.services.provider_runs.job import Work
from integrations.backoff import wait_after
from integrations.base import (
    AssignsSenders,
    HoldsLeads,
    KeepsLeads,
    KeepsSequences,
    RunsCampaigns,
    require,
)
from integrations.errors import ErrorKind, ProviderError
from integrations.models import SenderAccount
from integrations.running import (
    CampaignSchedule,
    CampaignSettings,
    CampaignStatus,
    LeadStatus,
    ProviderCampaign,
    SequenceStep,
)
from integrations.services import connections
from project.core.clock import now

Part = Callable[[Work], None]
#: Characters of a campaign's name at the provider: the shortest limit of all.
NAME_LENGTH: Final = 50
MOST_HOLDS: Final = 200
#: Pages of the provider's campaigns that are looked through for our own.
MOST_LOOKED_AT: Final = 1000
#: When a campaign is read after it was started or stopped.
READ_AFTER: Final = timedelta(minutes=1)
#: Statuses in which the provider writes to people, or is about to.
GOING: Final = frozenset({CampaignStatus.RUNNING.value, CampaignStatus.STARTING.value})
_HALTS: Final = frozenset({"paused", "stopped"})
#: What a campaign is not that was started.
_IDLE: Final = frozenset({CampaignStatus.DRAFT, CampaignStatus.PAUSED})
#: ``CampaignMirror.asked_status`` from before a start is asked for until its answer is in.
STARTING: Final = "starting"
#: How long after a campaign was asked for its absence from the list says that it was not made.
LISTED_AFTER: Final = timedelta(seconds=15)


# --- the campaign and its senders -------------------------------------------------------------------


def campaign(work: Work) -> None:
    """Make the campaign, once: one whose making ended unclear is looked for by its name first."""
    mirror = work.mirror
    if mirror.provider_campaign_id:
        return
    runner = require(work.adapter, RunsCampaigns)
    if mirror.asked_at is not None:
        found = _look(work, runner)
        if found is None and now() < mirror.asked_at + LISTED_AFTER:
            text = f"{work.label} has not said whether it made the campaign; its list is looked at again."
            raise ProviderError(ErrorKind.INDETERMINATE, text, provider=mirror.connection.provider)
        if found is not None:
            _made(work, found)
            return
    work.keep(asked_at=now(), provider_name=name_of(work.campaign))
    _made(work, runner.create_campaign(name=mirror.provider_name, account_ids=_account_ids(work)))


def name_of(made: Campaign) -> str:
    """The campaign's name at the provider: unique, so that it can be found again."""
    mark = f" ({made.id.hex[-6:]})"
    return f"{made.name[: NAME_LENGTH - len(mark)]}{mark}"


def _look(work: Work, runner: RunsCampaigns) -> ProviderCampaign | None:
    """Find the campaign by its name. Raises ``ProviderError`` where the list ends early: no second one is made."""
    cursor: str | None = None
    for _ in range(MOST_LOOKED_AT):
        page = runner.list_campaigns(cursor=cursor)
        for seen in page.items:
            if seen.name == work.mirror.provider_name:
                return seen
        cursor = page.cursor
        if cursor is None and not page.note:
            return None
        if cursor is None:
            break
        work.keep()
    text = (
        f"Whether {work.label} made the campaign “{work.mirror.provider_name}” is not known: it has too many campaigns"
        " to look through. Delete old ones there."
    )
    raise ProviderError(ErrorKind.CONFLICT, text, provider=work.mirror.connection.provider)


def _made(work: Work, made: ProviderCampaign) -> None:
    work.keep(provider_campaign_id=made.campaign_id)
    mirrors.note_campaign(work.mirror, made, at=now())


def _account_ids(work: Work) -> list[str]:
    rows = SenderAccount.objects.filter(
        campaign_links__campaign=work.campaign, connection_id=work.mirror.connection_id
    ).exclude(status=SenderAccount.Status.DELETED)
    return list(rows.order_by("id").values_list("provider_account_id", flat=True))


def senders(work: Work) -> None:
    """Make ours the campaign's senders."""
    ids = _account_ids(work)
    digest = _digest(ids)
    if digest != work.mirror.senders_digest:
        require(work.adapter, AssignsSenders).set_campaign_accounts(work.campaign_id, ids)
        work.keep(senders_digest=digest)


# --- when and how -----------------------------------------------------------------------------------


def schedule(work: Work) -> None:
    """Set the hours."""
    wanted = schedule_of(work.campaign)
    digest = _digest(wanted.model_dump(mode="json"))
    if digest != work.mirror.schedule_digest:
        require(work.adapter, RunsCampaigns).change_schedule(work.campaign_id, wanted)
        work.keep(schedule_digest=digest)


def schedule_of(made: Campaign) -> CampaignSchedule:
    """The sending window in the words of providers. A window of the whole day ends a minute before midnight."""
    window = made.window
    all_day = window["start"] == window["end"]
    return CampaignSchedule(
        timezone=made.time_zone,
        days=frozenset(day + 1 for day in window["weekdays"]),
        start="00:00" if all_day else window["start"],
        end="23:59" if all_day or window["end"] == "00:00" else window["end"],
    )


def settings(work: Work) -> None:
    """Set what the client's rules say; a setting that the provider lacks is left out."""
    wanted: dict[str, Any] = {"stop_on_reply": True}
    if people.channel_of(work.mirror) == "email":
        policy = policy_of(work.campaign.client_id)
        wanted |= {
            "track_opens": policy.track_opens,
            "track_clicks": policy.track_clicks,
            "unsubscribe_text": policy.unsubscribe_text,
        }
    digest = _digest(wanted)
    if digest == work.mirror.settings_digest:
        return
    runner = require(work.adapter, RunsCampaigns)
    for name, value in wanted.items():
        try:
            runner.change_settings(work.campaign_id, CampaignSettings(**{name: value}))
        except ProviderError as error:
            if error.kind is not ErrorKind.UNSUPPORTED:
                raise
    work.keep(settings_digest=digest)


def sequence(work: Work) -> None:
    """Save the steps. A running campaign is paused for that; the last part starts it again."""
    linear = work.linear
    digest = _digest([_wanted(step) for step in linear.steps])
    if digest == work.mirror.sequence_digest:
        return
    keeper = require(work.adapter, KeepsSequences)
    for problem in (*linear.problems, *keeper.check_sequence(linear.steps)):
        where = f"Step {problem.step}, {problem.field}: " if problem.step else ""
        raise ProviderError(
            ErrorKind.VALIDATION, f"{where}{problem.message}", provider=work.mirror.connection.provider
        )
    if work.mirror.status in GOING or work.mirror.asked_status == STARTING:
        _turn(work, "paused")
    keeper.save_sequence(work.campaign_id, linear.steps)
    work.keep(sequence_digest=digest)


def webhooks(work: Work) -> None:
    """Have the provider tell us what happens in this campaign."""
    if work.mirror.webhooks_at is None:
        ids = connections.register_campaign(connection=work.mirror.connection, campaign_id=work.campaign_id)
        work.keep(webhook_ids=list(ids), webhooks_at=now())


# --- people -----------------------------------------------------------------------------------------


def leads(work: Work) -> None:
    """Hand people over, batch by batch; nobody while something holds the campaign up."""
    if work.held or work.campaign.status != Campaign.Status.ACTIVE:
        return
    keeper = require(work.adapter, KeepsLeads)
    while rows := people.waiting(work.mirror, keeper.lead_batch):
        pairs = people.sorted_out(work.mirror, rows, work.linear)
        work.keep()
        still = people.mark_handing([row for row, _ in pairs])
        pairs = [(row, lead) for row, lead in pairs if row.id in still]
        if not pairs:
            continue
        try:
            added = keeper.add_leads(work.campaign_id, [lead for _, lead in pairs])
        except ProviderError as error:
            tries = max(row.attempts for row, _ in pairs) + 1
            pause = timedelta(seconds=wait_after(tries, first=5.0, cap=900.0))
            people.put_off([row for row, _ in pairs], reason=error.message, wait=pause)
            raise
        people.note_added(pairs, added=added, label=work.label)
        live.campaign_changed(work.campaign.id)


def stops(work: Work) -> None:
    """Stop people at the provider who are out here. The campaign waits for those who cannot be stopped."""
    told = stopping.carry_out(work)
    if not told or work.campaign.status == Campaign.Status.ARCHIVED:
        return
    if work.mirror.status in GOING or work.mirror.asked_status in {"running", STARTING}:
        _turn(work, "paused")
    work.keep(step=stopping.STEP)
    raise ProviderError(ErrorKind.CONFLICT, told, provider=work.mirror.connection.provider)


def holds(work: Work) -> None:
    """Have the provider wait with people who are paused here, and go on with those who are not any more.

    One whose last try failed may have been carried out: the list is read before it is asked for again.
    """
    while rows := holding.due(work.mirror, MOST_HOLDS):
        if any(row.attempts or not row.provider_lead_id for row in rows):
            mirroring.read_people(work.mirror, require(work.adapter, KeepsLeads))
            rows = holding.due(work.mirror, MOST_HOLDS)
        for row in rows:
            work.keep()
            _hold(work, row)
        live.campaign_changed(work.campaign.id)


def _hold(work: Work, row: EnrollmentMirror) -> None:
    steering = require(work.adapter, HoldsLeads)
    held = row.state == people.State.ADDED
    lead = people.as_provider_lead(row, work.mirror)
    is_so = (lead.status is LeadStatus.PAUSED) == held
    # Smartlead answers 500 about somebody at their last step; and nothing is left to go on with.
    has_ended = not held and row.step_number >= len(work.linear.steps)
    try:
        if held and not is_so:
            steering.pause_lead(work.campaign_id, lead)
        elif not held and not is_so and not has_ended:
            steering.resume_lead(work.campaign_id, lead)
    except ProviderError as error:
        pause = timedelta(seconds=wait_after(row.attempts + 1, first=5.0, cap=900.0))
        holding.failed(row, reason=error.message, wait=pause)
        raise
    holding.note(row, held=held)


# --- running or not ---------------------------------------------------------------------------------


def status(work: Work) -> None:
    """Start, pause or end the campaign, where that is not what we asked for last, or where it runs on."""
    wanted = wanted_status(work)
    mirror = work.mirror
    if wanted in _HALTS and mirror.status in GOING:
        _turn(work, wanted)
        return
    fresh = (
        mirror.status in {CampaignStatus.COMPLETED.value, CampaignStatus.DRAFT.value} and wanted == "running"
    )
    if not wanted or (wanted == mirror.asked_status and not (fresh and _has_unserved(mirror))):
        return
    _turn(work, wanted)


def halt(work: Work) -> None:
    """Pause or end it before anything else is pushed: what cannot be pushed must not keep it running.

    Where that fails, people are stopped one by one all the same.
    """
    if wanted_status(work) not in _HALTS:
        return
    try:
        status(work)
    except ProviderError:
        stops(work)
        raise


def wanted_status(work: Work) -> str:
    """``running``, ``paused`` or ``stopped``; ``""`` where the provider is to be left as it is."""
    state = work.campaign.status
    if state == Campaign.Status.ARCHIVED:
        return "stopped"
    if state == Campaign.Status.ACTIVE and not work.held:
        # Nobody to write to: providers refuse to start an empty campaign.
        return "running" if work.mirror.people.filter(added_at__isnull=False).exists() else ""
    if state == Campaign.Status.COMPLETED:
        return ""
    # A start whose answer got lost may have been carried out, and somebody may have started it there.
    may_run = work.mirror.asked_status in {"running", STARTING} or work.mirror.status in GOING
    return "paused" if may_run else ""


def _has_unserved(mirror: CampaignMirror) -> bool:
    """Whether somebody was added since the provider came to its end."""
    since = mirror.status_at
    rows = mirror.people.filter(state=people.State.ADDED, status="pending")
    return bool((rows.filter(added_at__gt=since) if since else rows).exists())


def _turn(work: Work, wanted: str) -> None:
    runner = require(work.adapter, RunsCampaigns)
    seen = _started(work, runner) if wanted == "running" else _halted(runner, work.campaign_id, wanted)
    took = seen.status not in _IDLE if wanted == "running" else seen.status.value not in GOING
    asked = {"asked_status": wanted} if took else {}
    work.keep(next_sync_at=now() + READ_AFTER, **asked)
    mirrors.note_campaign(work.mirror, seen, at=now())
    if not took:
        told, shown = ("start", "does not show it as running") if wanted == "running" else (
            "pause", "shows it as running still"
        )  # fmt: skip
        text = f"{work.label} was told to {told} the campaign and {shown}."
        raise ProviderError(ErrorKind.UNAVAILABLE, text, provider=work.mirror.connection.provider)


def _started(work: Work, runner: RunsCampaigns) -> ProviderCampaign:
    """Start it. One that was asked for before and did not show may have begun by now: then it is left as it is."""
    if work.mirror.asked_status == STARTING:
        seen = runner.get_campaign(work.campaign_id)
        if seen.status.value in GOING:
            return seen
    # Kept before the call: whatever becomes of its answer, a pause that comes next is told.
    work.keep(asked_status=STARTING)
    return runner.start_campaign(work.campaign_id)


def _halted(runner: RunsCampaigns, campaign_id: str, wanted: str) -> ProviderCampaign:
    """Pause or end it. Providers refuse that for one that does not run: then it is looked at."""
    try:
        if wanted == "stopped":
            return _ended(runner, campaign_id)
        return runner.pause_campaign(campaign_id)
    except ProviderError as error:
        if error.kind not in {ErrorKind.VALIDATION, ErrorKind.CONFLICT}:
            raise
        seen = runner.get_campaign(campaign_id)
        if seen.status.value in GOING:
            raise
        return seen


def _ended(runner: RunsCampaigns, campaign_id: str) -> ProviderCampaign:
    """End for good; where a provider cannot, it is paused."""
    try:
        return runner.stop_campaign(campaign_id)
    except ProviderError as error:
        if error.kind is not ErrorKind.UNSUPPORTED:
            raise
        return runner.pause_campaign(campaign_id)


def farewell(work: Work) -> None:
    """Take the campaign's own webhooks away once it is archived."""
    if work.campaign.status == Campaign.Status.ARCHIVED and work.mirror.webhook_ids:
        connections.unregister(connection=work.mirror.connection, ids=work.mirror.webhook_ids)
        work.keep(webhook_ids=[])


def _wanted(step: SequenceStep) -> dict[str, Any]:
    """What is asked of a step. What only InMails have is left out of others: their digests stay as they were."""
    return step.model_dump(
        mode="json", exclude={"raw"} if step.fallback_subject else {"raw", "fallback_subject"}
    )


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=sorted).encode()).hexdigest()


def _unless_archived(part: Part) -> Part:
    def run(work: Work) -> None:
        if work.campaign.status != Campaign.Status.ARCHIVED:
            part(work)

    return run


def _once_made(part: Part) -> Part:
    def run(work: Work) -> None:
        if work.mirror.provider_campaign_id:
            part(work)

    return run


PARTS: Final[tuple[tuple[str, Part], ...]] = (
    ("status", _once_made(halt)),
    ("stops", _once_made(stops)),
    ("campaign", _unless_archived(campaign)),
    ("senders", _unless_archived(senders)),
    ("schedule", _unless_archived(schedule)),
    ("settings", _unless_archived(settings)),
    ("sequence", _unless_archived(sequence)),
    ("webhooks", _unless_archived(webhooks)),
    ("leads", _unless_archived(leads)),
    ("status", _once_made(status)),
    ("holds", _once_made(holds)),
    ("webhooks", _once_made(farewell)),
)
