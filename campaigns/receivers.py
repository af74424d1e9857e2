"""Receivers of domain events: one-liners that call services."""

from __future__ import annotations

from campaigns.events import MessageMatched
from campaigns.services import gates, reactions, readings
from integrations.domain_events import OutboundChanged, ProviderEventRecorded
from integrations.services import outbox
from project.core.events import subscribe

subscribe(ProviderEventRecorded, id="campaigns.react")(reactions.on_provider_event)
subscribe(OutboundChanged, id="campaigns.follow_send")(reactions.on_outbound_changed)
subscribe(MessageMatched, id="campaigns.read_reply")(readings.on_message_matched)
outbox.register_gate("campaigns.before_attempt", gates.before_attempt)
