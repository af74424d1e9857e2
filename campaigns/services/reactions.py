"""How campaigns react to facts: a message, an accepted invitation, a wish to be left alone.

Everything here runs in the transaction of the fact, under its sender's lock, before the inbox hears of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

from campaigns import replies
from campaigns.events import (
    AddressUnsubscribed,
    LeadAway,
    LeadComplained,
    LeadConnected,
    LeadReplied,
    LeadUnsubscribed,
    MessageMatched,
)
from campaigns.models import Enrollment, Lead, Relation, Unsubscribe
from campaigns.plans.state import Event
from campaigns.services import (
    enrollments,
    fates,
    readings,
    reply_stops,
    reports,
    suppression,
    unsubscribes,
)
from campaigns.services.matching import (
    Match,
    address_of,
    match_address,
    match_person,
    match_thread,
    match_told,
)
from campaigns.services.provider_runs import following
from integrations.domain_events import ProviderEventRecorded, ProviderEventRetold
from integrations.events import (
    CampaignStatusChanged,
    InvitationSent,
    LeadCategorised,
    MessageEvent,
    MessageReceived,
    RelationCreated,
)
from integrations.models import SenderAccount
from integrations.services.events import is_report
from integrations.values import Direction, Person
from project.core.clock import now
from project.core.events import publish


def on_provider_events(facts: Sequence[ProviderEventRecorded]) -> None:
    """React to normalised facts in their order and pass facts about messages on to the inbox."""
    for together, run in groupby(facts, key=lambda fact: is_report(fact.event)):
        if together:
            reports.on_reports(list(run))
        else:
            for fact in run:
                _on_provider_event(fact)


def _on_provider_event(fact: ProviderEventRecorded) -> None:
    event = fact.event
    if isinstance(event, RelationCreated):
        _on_relation(fact, event)
    elif isinstance(event, MessageEvent):
        _on_message_event(fact, event)
    elif isinstance(event, CampaignStatusChanged):
        following.on_campaign_status(fact, event)
    elif isinstance(event, InvitationSent | LeadCategorised):
        _on_provider_run(fact, event)


def _on_provider_run(fact: ProviderEventRecorded, event: InvitationSent | LeadCategorised) -> None:
    found = following.find(fact.sender, event)
    if found is None:
        fact.outcome["campaigns"] = "It is about nobody in a campaign of ours."
    elif isinstance(event, InvitationSent):
        following.on_invitation(fact, event, found)
    else:
        following.on_categorised(fact, event, found)


def on_provider_event_retold(told: ProviderEventRetold) -> None:
    """A replayed fact that found no lead does what it would have done, if it finds one now."""
    if "lead_id" in told.outcome:
        return
    fact = ProviderEventRecorded(
        event=told.event,
        event_id=told.event_id,
        sender=told.sender,
        source=told.source,
        outcome=told.outcome,
        outbound=told.outbound,
    )
    if isinstance(told.event, RelationCreated):
        found = match_person(sender=told.sender, person=told.event.person)
    else:
        run = following.find(told.sender, told.event)
        found = _match_message(fact, told.event, run) if isinstance(told.event, MessageReceived) else None
    if found is not None:
        _on_provider_event(fact)


def _on_relation(fact: ProviderEventRecorded, event: RelationCreated) -> None:
    match = match_person(sender=fact.sender, person=event.person)
    if match is None:
        fact.outcome["campaigns"] = f"{event.person.name or 'Somebody'} connected; no lead has this profile."
        return
    fact.outcome["lead_id"] = str(match.lead.id)
    touched = connected(sender=fact.sender, lead=match.lead, occurred_at=event.occurred_at, received_at=now())
    told = f"{match.lead} connected (matched by {match.rule})."
    fact.outcome["campaigns"] = told if touched else f"{told} No running enrollment waits for it."
    if touched:
        fact.outcome["enrollment_id"] = str(touched[0].id)


def connected(
    *, sender: SenderAccount, lead: Lead, occurred_at: datetime, received_at: datetime
) -> list[Enrollment]:
    """Record that a lead and a sender are connected and tell the sender's running enrollments of the lead.

    However often and by whatever way it is learnt, it is one event: its id names sender and lead.
    """
    Relation.objects.get_or_create(sender=sender, lead=lead, defaults={"connected_at": occurred_at})
    event = enrollments.connection_event(sender.id, lead.id, occurred_at, received_at)
    touched = []
    for enrollment in _running(sender, lead):
        before = enrollment.stage
        enrollments.take_in(enrollment, event)
        if before in {Enrollment.Stage.PENDING, Enrollment.Stage.INVITED}:
            publish(
                LeadConnected(
                    enrollment=enrollment,
                    occurred_at=occurred_at,
                    key=f"{enrollment.id}:connected",
                    sender_id=sender.id,
                    channel=sender.channel,
                )
            )
        touched.append(enrollment)
    return touched


def _running(sender: SenderAccount, lead: Lead) -> Iterable[Enrollment]:
    """The enrollments of a lead through one sender that have not ended, locked in order of their ids."""
    ids = (
        Enrollment.objects.filter(lead=lead, sender_links__sender=sender)
        .distinct()
        .exclude(status=Enrollment.Status.ENDED)
        .order_by("id")
        .values_list("id", flat=True)
    )
    for enrollment_id in list(ids):
        yield enrollments.locked(enrollment_id)


def _on_message_event(fact: ProviderEventRecorded, event: MessageEvent) -> None:
    run = following.find(fact.sender, event)
    match = _match_message(fact, event, run)
    enrollment = None
    if match is not None:
        fact.outcome["lead_id"] = str(match.lead.id)
        if isinstance(event, MessageReceived):
            if run is not None:
                ends = event.is_reply and _read(fact, event).kind in {"human", "opt_out", "opt_in"}
                following.on_message(fact, event, run, ends=ends)
            enrollment = on_message(fact, event, match)
    if not isinstance(event, MessageReceived):
        if run is not None:
            # First: who is out at the provider already need not be stopped there.
            following.on_fate(fact, event, run)
        enrollment = fates.on_fate(fact, event)
    elif match is None:
        fact.outcome["campaigns"] = "No lead has this profile; it waits among the unmatched."
    if enrollment is None and fact.outbound is not None and fact.outbound.enrollment_id is not None:
        enrollment = Enrollment.objects.filter(id=fact.outbound.enrollment_id).first()
    if run is not None:
        # What is told below goes to this campaign, whatever else of the lead has stopped.
        enrollment = run.enrollment
        enrollment.refresh_from_db(fields=["status", "stage", "node_id", "state", "reason", "ended_at"])
    if enrollment is not None:
        fact.outcome["enrollment_id"] = str(enrollment.id)
    publish(
        MessageMatched(
            event=event,
            event_id=fact.event_id,
            sender=fact.sender,
            source=fact.source,
            outcome=fact.outcome,
            lead=match.lead if match else None,
            enrollment=enrollment,
            outbound=fact.outbound,
            step_number=run.step if run else None,
            node_id=run.node_id if run else "",
        )
    )


def _match_message(
    fact: ProviderEventRecorded, event: MessageEvent, run: following.Followed | None
) -> Match | None:
    """The lead of a message: of our own send, else by the thread that it answers, else by who wrote it."""
    if run is not None:
        enrollment = run.enrollment
        return Match(enrollment.lead, "the campaign at its provider", enrollment.campaign_id, enrollment.id)
    if fact.outbound is not None and fact.outbound.lead_id is not None:
        lead = Lead.objects.filter(id=fact.outbound.lead_id).select_related("company").first()
        if lead is not None:
            return Match(lead, "our own send")
    if not isinstance(event, MessageReceived):
        return None
    found = match_thread(sender=fact.sender, event=event)
    for person in _candidates(event) if found is None else ():
        found = match_person(sender=fact.sender, person=person) or match_address(
            sender=fact.sender, person=person
        )
        if found is not None:
            break
    return match_told(sender=fact.sender, event=event, found=found)


def _candidates(event: MessageReceived) -> list[Person]:
    people = [event.counterpart] if event.counterpart else []
    if event.direction is Direction.INBOUND:
        people.append(event.sender)
    if not event.is_group:
        people += [person for person in event.participants if not person.is_self]
    return people


def on_message(fact: ProviderEventRecorded, event: MessageReceived, match: Match) -> Enrollment | None:
    """Let the lead's enrollments hear of a message of theirs; return the last one that it answers."""
    if event.implies_connection:
        connected(sender=fact.sender, lead=match.lead, occurred_at=event.occurred_at, received_at=now())
    if not event.is_reply:
        text = f"A message of {match.lead}'s conversation that is not a reply."
        fact.outcome.setdefault("campaigns", text)
        return None
    return _on_reply(fact, event, match)


def _on_reply(fact: ProviderEventRecorded, event: MessageReceived, match: Match) -> Enrollment | None:
    """Stop (or branch, or defer) the lead's running enrollments, whatever sender they use."""
    reading = _read(fact, event)
    if reading.kind == "automatic":
        fact.outcome["campaigns"] = f"Written by a machine for {match.lead}; that is no reply."
        return None
    running = {row.id: row.status for row in Enrollment.objects.filter(lead=match.lead)}
    affected = reply_stops.affected_by(lead=match.lead, sender=fact.sender)
    if reading.kind == "opt_out":
        _opt_out(fact, event, match)
    elif reading.kind == "opt_in":
        _opt_in(fact, event, match)
    told = None if reading.kind == "opt_out" else _told(fact, event, reading)
    latest = None
    sentences = []
    for enrollment in affected.own:
        if told is not None:
            enrollments.take_in(enrollment, told)
        else:
            enrollment.refresh_from_db(fields=["status", "stage", "node_id", "state", "reason", "ended_at"])
        _tell_of_reply(fact, event, enrollment, is_away=reading.kind == "out_of_office")
        if running.get(enrollment.id) != enrollment.status:
            sentences.append(f"“{enrollment.campaign}” stopped.")
        latest = enrollment
    if reading.kind in {"human", "opt_out"}:
        sentences += reply_stops.stop_colleagues(affected, lead=match.lead, event_id=str(fact.event_id))
    fact.outcome["campaigns"] = " ".join(
        [
            f"Reply of {match.lead} (matched by {match.rule}; read as {reading.kind.replace('_', ' ')}).",
            *sentences,
        ]
    )
    return latest


def _read(fact: ProviderEventRecorded, event: MessageReceived) -> replies.Reading:
    """What kind of answer it is."""
    return replies.read(
        event.text,
        event.occurred_at.date(),
        channel=fact.sender.channel,
        subject=event.subject,
        is_automatic=event.is_automatic,
    )


def is_wish(fact: ProviderEventRecorded, event: MessageReceived) -> bool:
    """Say whether a message asks to be left out, or to be written to again: that counts however old it is."""
    return event.is_reply and _read(fact, event).kind in {"opt_out", "opt_in"}


def _tell_of_reply(
    fact: ProviderEventRecorded, event: MessageReceived, enrollment: Enrollment, *, is_away: bool
) -> None:
    """Publish the answer with the message that it answers; a note of absence is told as what it is."""
    answered = readings.answered_by(enrollment.id, event.occurred_at)
    since = answered.sent_at if answered is not None else None
    word = "away" if is_away else "replied"
    publish(
        (LeadAway if is_away else LeadReplied)(
            enrollment=enrollment,
            occurred_at=event.occurred_at,
            key=f"{enrollment.id}:{word}:{fact.event_id}",
            node_id=answered.node_id if answered is not None else enrollment.node_id,
            sender_id=fact.sender.id,
            outbound=answered,
            channel=fact.sender.channel,
            seconds=int((event.occurred_at - since).total_seconds()) if since is not None else None,
        )
    )


def _told(fact: ProviderEventRecorded, event: MessageReceived, reading: replies.Reading) -> Event:
    return Event(
        id=str(fact.event_id),
        kind="reply",
        occurred_at=event.occurred_at,
        received_at=now(),
        channel=fact.sender.channel,
        out_of_office=reading.kind == "out_of_office",
        returns_on=reading.returns_on,
    )


def _opt_out(fact: ProviderEventRecorded, event: MessageReceived, match: Match) -> None:
    """Somebody wants no more: all their addresses on this channel are suppressed, and their sequences hear of it."""
    channel = fact.sender.channel
    suppression.suppress_lead(lead=match.lead, channel=channel, source="reply", reason=event.text[:200])
    word = channel == "sms" and len(event.text.split()) <= 2
    unsubscribes.record(
        address=_address(fact, event, match),
        how=Unsubscribe.How.STOP_WORD if word else Unsubscribe.How.REPLY,
        occurred_at=event.occurred_at,
        reason=event.text[:200],
    )


def _opt_in(fact: ProviderEventRecorded, event: MessageReceived, match: Match) -> None:
    """START takes a STOP back; sequences that ended stay ended."""
    unsubscribes.resubscribe(address=_address(fact, event, match))


def _address(fact: ProviderEventRecorded, event: MessageReceived, match: Match) -> unsubscribes.Address:
    outbound = fact.outbound
    return unsubscribes.Address(
        client_id=fact.sender.client_id,
        channel=fact.sender.channel,
        value=address_of(match.lead, event.sender, fact.sender.channel),
        lead_id=match.lead.id,
        campaign_id=outbound.campaign_id if outbound else match.campaign_id,
        enrollment_id=outbound.enrollment_id if outbound else match.enrollment_id,
        sender_id=fact.sender.id,
    )


def on_unsubscribed(event: AddressUnsubscribed) -> None:
    """Tell every sequence of everybody who has the address, however the wish reached us."""
    wish = event.unsubscribe
    is_complaint = wish.how == Unsubscribe.How.COMPLAINT
    kind = "complaint" if is_complaint else "unsubscribe"
    told = Event(
        id=f"{kind}:{wish.id}",
        kind=kind,
        occurred_at=wish.occurred_at,
        received_at=now(),
        channel=wish.channel,
    )
    for lead in event.leads:
        for enrollment in _all_of(lead):
            enrollments.take_in(enrollment, told)
            if wish.enrollment_id in {None, enrollment.id}:
                publish(
                    (LeadComplained if is_complaint else LeadUnsubscribed)(
                        enrollment=enrollment,
                        occurred_at=wish.occurred_at,
                        key=f"{enrollment.id}:{kind}:{wish.id}",
                        node_id=enrollment.node_id,
                        sender_id=wish.sender_id,
                        channel=wish.channel,
                    )
                )


def _all_of(lead: Lead) -> Iterable[Enrollment]:
    """Every enrollment of a lead that counts a reply: those that have sent something or still run.

    Other senders' locks are taken while this sender's is held, in order (``integrations.locks.in_lock_order``).
    """
    ids = (
        Enrollment.objects.filter(lead=lead)
        .exclude(status=Enrollment.Status.ENDED, stage=Enrollment.Stage.PENDING)
        .order_by("id")
        .values_list("id", flat=True)
    )
    for enrollment_id in list(ids):
        yield enrollments.locked(enrollment_id)
