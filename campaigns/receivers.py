"""Receivers of domain events: one-liners that call services."""

from __future__ import annotations

from campaigns import row_words, selectors, sender_health, sync_health
from campaigns.events import AddressUnsubscribed, EnrollmentEnded, MessageMatched
from campaigns.services import (
    brakes,
    gates,
    historical,
    own_sends,
    provider_lists,
    reactions,
    readings,
    reconciling,
    waking,
)
from campaigns.services.provider_runs import following, people
from integrations import health_selectors, sync_selectors
from integrations.domain_events import (
    HoldsEnded,
    OutboundChanged,
    ProviderEventRecorded,
    ProviderEventRetold,
    ProviderSuppressed,
    RelationsListed,
)
from integrations.services import outbox, reconciliation, routing, switches
from project.core.events import subscribe, subscribe_many

subscribe_many(ProviderEventRecorded, id="campaigns.react")(reactions.on_provider_events)
subscribe(ProviderEventRetold, id="campaigns.react_again")(reactions.on_provider_event_retold)
subscribe(RelationsListed, id="campaigns.historical")(historical.on_relations_listed)
subscribe(OutboundChanged, id="campaigns.follow_send")(own_sends.on_outbound_changed)
subscribe(HoldsEnded, id="campaigns.wake")(waking.on_holds_ended)
subscribe(AddressUnsubscribed, id="campaigns.unsubscribed")(reactions.on_unsubscribed)
subscribe(ProviderSuppressed, id="campaigns.learn_suppressions")(provider_lists.on_provider_suppressed)
subscribe(AddressUnsubscribed, id="campaigns.tell_providers")(provider_lists.tell)
subscribe(MessageMatched, id="campaigns.read_reply")(readings.on_message_matched)
subscribe(EnrollmentEnded, id="campaigns.stop_at_provider")(people.on_ended)
routing.register_router("campaigns", following.sender_of)
outbox.register_gate("campaigns.brakes", brakes.gate)
outbox.register_gate("campaigns.before_attempt", gates.before_attempt)
switches.register_targets("campaigns", selectors.switchable)
row_words.register()
health_selectors.register_source("campaigns", sender_health.factors_of)
sync_selectors.register_campaigns("campaigns", sync_health.rows)
reconciliation.register_part(reconciling.CAMPAIGNS)
reconciliation.register_part(reconciling.LEADS)
