"""Tables of the inbox."""

from inbox.models.conversations import Assignment, Conversation, Participant
from inbox.models.files import FileContent, MessageFile
from inbox.models.macros import Macro
from inbox.models.messages import Message, Note, PendingChange, SystemLine
from inbox.models.notifications import (
    Notification,
    NotificationChoice,
    NotificationDelivery,
    NotificationSettings,
    Occasion,
    PushSubscription,
    Way,
)
from inbox.models.rules import AssignmentRule, InboxPolicy, WorkingHours
from inbox.models.triage import ConversationLabel, JournalEntry, JournalItem, Label, SavedView
from inbox.models.writing import CannedReply, ReplyDraft, ThreadMove

__all__ = [
    "Assignment",
    "AssignmentRule",
    "CannedReply",
    "Conversation",
    "ConversationLabel",
    "FileContent",
    "InboxPolicy",
    "JournalEntry",
    "JournalItem",
    "Label",
    "Macro",
    "Message",
    "MessageFile",
    "Note",
    "Notification",
    "NotificationChoice",
    "NotificationDelivery",
    "NotificationSettings",
    "Occasion",
    "Participant",
    "PendingChange",
    "PushSubscription",
    "ReplyDraft",
    "SavedView",
    "SystemLine",
    "ThreadMove",
    "Way",
    "WorkingHours",
]
