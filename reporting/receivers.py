"""Receivers of domain events: one-liners that call services."""

from __future__ import annotations

from collections.abc import Sequence

from campaigns import events as campaign_events
from campaigns.services.erasure import register_record
from inbox.events import (
    ConversationAnswered,
    ConversationResolved,
    NoteShownChanged,
    PromiseBroken,
    ResolutionTakenBack,
)
from integrations.domain_events import (
    BulkWorkFinished,
    LedgerDifferenceFound,
    LedgerDifferenceHealed,
    ProviderFailed,
    ReconciliationFinished,
    SystemMailRefused,
    WebhooksDrifted,
    WebhooksFellSilent,
    WebhooksHeardAgain,
)
from project.core.events import subscribe, subscribe_many
from project.core.retention import register
from reporting import row_words
from reporting.models import Fact
from reporting.services import (
    alert_sources,
    alerts,
    erasure,
    facts,
    portal,
    report_mails,
    retention,
    snapshots,
)

_KINDS = {
    campaign_events.LeadEnrolled: Fact.Kind.ENROLLED,
    campaign_events.LeadInvited: Fact.Kind.INVITED,
    campaign_events.LeadConnected: Fact.Kind.CONNECTED,
    campaign_events.LeadMessaged: Fact.Kind.MESSAGED,
    campaign_events.LeadReplied: Fact.Kind.REPLIED,
    campaign_events.LeadEmailed: Fact.Kind.EMAILED,
    campaign_events.LeadTexted: Fact.Kind.TEXTED,
    campaign_events.LeadDelivered: Fact.Kind.DELIVERED,
    campaign_events.LeadOpened: Fact.Kind.OPENED,
    campaign_events.LeadClicked: Fact.Kind.CLICKED,
    campaign_events.LeadOpenedByMachine: Fact.Kind.MACHINE_OPENED,
    campaign_events.LeadClickedByMachine: Fact.Kind.MACHINE_CLICKED,
    campaign_events.LeadBounced: Fact.Kind.BOUNCED,
    campaign_events.LeadComplained: Fact.Kind.COMPLAINED,
    campaign_events.LeadUnsubscribed: Fact.Kind.UNSUBSCRIBED,
    campaign_events.LeadAway: Fact.Kind.AWAY,
    campaign_events.MeetingAgreed: Fact.Kind.MEETING,
    campaign_events.EnrollmentEnded: Fact.Kind.ENDED,
}


def on_enrollment_facts(events: Sequence[campaign_events.EnrollmentFact]) -> None:
    """Write the facts."""
    facts.record_enrollments([(_KINDS[type(event)], event) for event in events])


@subscribe(ProviderFailed, id="reporting.look_at_alerts")
def on_provider_failed(event: ProviderFailed) -> None:
    """Have the alert rules looked at."""
    alerts.hint()


@subscribe(BulkWorkFinished, id="reporting.snapshot")
def on_bulk_work(event: BulkWorkFinished) -> None:
    """Have a metric snapshot taken."""
    snapshots.hint(event.kind)


@subscribe(ReconciliationFinished, id="reporting.snapshot")
def on_reconciliation(event: ReconciliationFinished) -> None:
    """Have a metric snapshot taken."""
    snapshots.hint("reconciliation")


@subscribe(ReconciliationFinished, id="reporting.alert")
def on_reconciliation_outcome(event: ReconciliationFinished) -> None:
    """Open an alert, or resolve it."""
    alert_sources.reconciliation_finished(event)


@subscribe(WebhooksFellSilent, id="reporting.alert")
def on_silence(event: WebhooksFellSilent) -> None:
    """Open an alert."""
    alert_sources.webhooks_fell_silent(event)


@subscribe(WebhooksHeardAgain, id="reporting.alert")
def on_sound(event: WebhooksHeardAgain) -> None:
    """Resolve the alert."""
    alert_sources.webhooks_heard_again(event)


@subscribe(WebhooksDrifted, id="reporting.alert")
def on_drift(event: WebhooksDrifted) -> None:
    """Open an alert, or resolve it."""
    alert_sources.webhooks_drifted(event)


@subscribe(LedgerDifferenceFound, id="reporting.alert")
def on_ledger_difference(event: LedgerDifferenceFound) -> None:
    """Open an alert."""
    alert_sources.ledger_difference_found(event)


@subscribe(LedgerDifferenceHealed, id="reporting.alert")
def on_ledger_healed(event: LedgerDifferenceHealed) -> None:
    """Resolve the alert."""
    alert_sources.ledger_difference_healed(event)


subscribe(campaign_events.ReplyRead, id="reporting.reply_read")(facts.record_reading)
subscribe(ConversationAnswered, id="reporting.answered")(facts.record_answer)
subscribe(PromiseBroken, id="reporting.promise_broken")(facts.record_broken_promise)
subscribe(ConversationResolved, id="reporting.resolved")(facts.record_resolution)
subscribe(campaign_events.DealChanged, id="reporting.deal")(portal.on_deal)
subscribe(SystemMailRefused, id="reporting.report_refused")(report_mails.on_refused)
subscribe(NoteShownChanged, id="reporting.note_shown")(portal.on_note_shown)
subscribe(ResolutionTakenBack, id="reporting.resolution_taken_back")(facts.take_back_resolution)
subscribe(campaign_events.MeetingTakenBack, id="reporting.meeting_taken_back")(facts.take_back_meeting)
subscribe(campaign_events.LeadErased, id="reporting.lead_erased")(erasure.on_lead_erased)
register_record("counted", erasure.record)
register(retention.FACTS)
for _event_class in _KINDS:
    subscribe_many(_event_class, id="reporting.fact")(on_enrollment_facts)
row_words.register()
