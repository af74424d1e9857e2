"""Tables of the inbox."""

from inbox.models.conversations import Assignment, Conversation, Participant
from inbox.models.messages import Message, Note, PendingChange, SystemLine
from inbox.models.rules import AssignmentRule, InboxPolicy, WorkingHours
from inbox.models.triage import ConversationLabel, JournalEntry, JournalItem, Label, SavedView

__all__ = [
    "Assignment",
    "AssignmentRule",
    "Conversation",
    "ConversationLabel",
    "InboxPolicy",
    "JournalEntry",
    "JournalItem",
    "Label",
    "Message",
    "Note",
    "Participant",
    "PendingChange",
    "SavedView",
    "SystemLine",
    "WorkingHours",
]
