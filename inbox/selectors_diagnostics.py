"""What the providers told about a conversation, and why it matched or did not."""

from __future__ import annotations

from campaigns.selectors_diagnostics import lead_words
from inbox.models import Conversation
from integrations.diagnostics import Diagnosis, Subject, diagnose
from project.tenancy.access import Access


def conversation_diagnosis(access: Access, conversation: Conversation) -> Diagnosis:
    """The last deliveries, facts and raw messages that concern a conversation."""
    thread = (conversation.chat_id, conversation.provider_chat_id, conversation.counterpart_id)
    person = lead_words(conversation.lead) if conversation.lead is not None else ()
    subject = Subject(
        name=conversation.title,
        words=tuple(dict.fromkeys(word for word in (*thread, *person) if word)),
        sender_ids=(conversation.sender_id,),
        lead_id=conversation.lead_id,
        conversation_ids=(conversation.id,),
        client_id=conversation.client_id,
    )
    return diagnose(access, subject)
