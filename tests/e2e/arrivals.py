"""Many replies at once, by the same door as a provider's; run inside the installation (``manage.py shell -c``)."""

from __future__ import annotations

import sys
from datetime import timedelta

from inbox.models import Conversation
from integrations.events import MessageReceived
from integrations.models import SenderAccount
from integrations.services.events import record_event
from integrations.values import Direction, Person
from project.core.clock import now
from project.core.scoping import organization_scope, platform_scope
from project.tenancy.models import Organization

#: What people write, in turn; the first word is what the operator does.
WORDS = (
    "answer: What would a pilot with one hall cost?",
    "hand over: Please call my colleague about it",
    "snooze: Not now, ask me again in spring",
    "close: You have the wrong person",
    "note: Sounds interesting, tell me more",
    "label: Do you ship to Finland?",
)


def arrive(count: int, mark: str) -> None:
    """Have ``count`` people write to the first seat of the demo, the last of them last."""
    with platform_scope("find the demo"):
        organization = Organization.objects.get(slug="demo")
    with organization_scope(organization.id):
        sender = SenderAccount.objects.select_related("connection").get(provider_account_id="acc_erik_sand")
        for number in range(count):
            person = Person(name=f"Person {number} {mark}", provider_id=f"ACoAA{mark}{number:04d}")
            event = MessageReceived(
                provider="unipile",
                account_id=sender.provider_account_id,
                occurred_at=now() - timedelta(seconds=count - number),
                message_id=f"{mark}-{number}",
                provider_message_id=f"{mark}-network-{number}",
                chat_id=f"chat-{mark}-{number}",
                provider_chat_id=f"thread-{mark}-{number}",
                direction=Direction.INBOUND,
                sender=person,
                counterpart=person,
                text=f"{WORDS[number % len(WORDS)]} ({mark} {number})",
            )
            record_event(event, sender=sender, source="poll")


def outcome(mark: str) -> None:
    """Print what has become of each: number, status, assignee, whether we had the last word, notes, labels."""
    with platform_scope("find the demo"):
        organization = Organization.objects.get(slug="demo")
    with organization_scope(organization.id):
        rows = Conversation.objects.filter(chat_id__startswith=f"chat-{mark}-").select_related("assignee")
        for row in rows:
            who = row.assignee.display_name if row.assignee else "nobody"
            last = "theirs" if row.last_inbound else "ours"
            extras = f"{row.notes.count()} notes, {row.label_links.count()} labels"
            number = row.chat_id.rsplit("-", 1)[1]
            sys.stdout.write(f"{number}: {row.status}, {who}, {last}, {extras}\n")
