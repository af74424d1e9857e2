"""Tables of the inbox."""

from inbox.models.conversations import Assignment, Conversation, Participant
from inbox.models.messages import Message, Note, PendingChange, SystemLine

__all__ = ["Assignment", "Conversation", "Message", "Note", "Participant", "PendingChange", "SystemLine"]
