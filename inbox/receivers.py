"""Receivers of domain events: one-liners that call services."""

from __future__ import annotations

from campaigns.events import MessageMatched
from inbox import row_words
from inbox.services import replies, threads
from integrations.domain_events import OutboundChanged
from project.core.events import subscribe

subscribe(MessageMatched, id="inbox.thread")(threads.on_message_matched)
subscribe(OutboundChanged, id="inbox.follow_send")(replies.on_outbound_changed)
row_words.register()
