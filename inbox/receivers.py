"""Receivers of domain events: one-liners that call services."""

from __future__ import annotations

from campaigns.events import LeadErased, LeadsMerged, LeadsParted, MessageMatched
from campaigns.services import erasure, lead_changes, matching
from inbox import row_words
from inbox.events import (
    ConversationAssigned,
    ConversationReleased,
    ConversationTaken,
    NoteAdded,
    PromiseAtRisk,
    PromiseBroken,
    ReplyCalledOff,
    ReplyFailed,
    ReplyStored,
)
from inbox.services import chats, departures, leads, leaving, notifications, replies, reports, threads
from integrations.domain_events import ChatFound, OutboundChanged
from integrations.services import ledger, outbox, sync_windows
from project.core.events import subscribe, subscribe_many
from project.tenancy.events import MembershipChanged

subscribe_many(MessageMatched, id="inbox.thread")(reports.on_messages_matched)
subscribe(ChatFound, id="inbox.chat_found")(chats.on_chat_found)
subscribe_many(OutboundChanged, id="inbox.follow_send")(replies.on_outbounds_changed)
subscribe(ReplyStored, id="inbox.notify_reply")(notifications.on_reply)
subscribe(NoteAdded, id="inbox.notify_mentions")(notifications.on_note)
subscribe(ConversationAssigned, id="inbox.notify_assigned")(notifications.on_assigned)
subscribe(ConversationTaken, id="inbox.notify_taken")(notifications.on_taken)
subscribe(ConversationReleased, id="inbox.notify_released")(notifications.on_released)
subscribe(PromiseAtRisk, id="inbox.notify_at_risk")(notifications.on_at_risk)
subscribe(PromiseBroken, id="inbox.notify_late")(notifications.on_promise_broken)
subscribe(ReplyFailed, id="inbox.notify_failed")(notifications.on_failed)
subscribe(ReplyCalledOff, id="inbox.notify_called_off")(notifications.on_called_off)
subscribe(LeadsMerged, id="inbox.leads_merged")(leads.on_leads_merged)
subscribe(LeadsParted, id="inbox.leads_parted")(leads.on_leads_parted)
subscribe(LeadErased, id="inbox.lead_erased")(leads.on_lead_erased)
subscribe(MembershipChanged, id="inbox.give_back_lost")(leaving.on_membership_changed)
lead_changes.register_answers("inbox.messages", leads.answered)
erasure.register_record("conversations", leads.record)
row_words.register()
sync_windows.register_nameless("inbox.conversations", chats.nameless)
ledger.register_desk("inbox.desk", chats.linked_among)
outbox.register_gate("inbox.wrote_first", departures.gate)
matching.register_threads("inbox.threads", threads.lead_of)
