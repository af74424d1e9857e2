"""The desk of unmatched replies: making a lead of whoever wrote."""

from __future__ import annotations

from uuid import UUID

from campaigns.freemail import is_free_mail
from campaigns.identity import InvalidAddress, email_address, linkedin_identifier, phone_number
from campaigns.imports.mapping import RowDraft
from campaigns.models import Lead
from campaigns.services import leads, suppression_marks
from inbox.models import Conversation, Participant
from inbox.services import moves
from integrations.locks import in_lock_order
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User


def create_lead(*, conversation_id: UUID, name: str, actor: User) -> Lead:
    """Make a lead with the address that an unmatched conversation came from, and link the two (``moves.rehome``).

    A lead of the client with that address is completed instead. Raises ``Invalid`` where there is no name or address.
    """
    sender_id = Conversation.objects.values_list("sender_id", flat=True).get(id=conversation_id)
    return in_lock_order([sender_id], lambda: _create(conversation_id, name, actor))


def _create(conversation_id: UUID, name: str, actor: User) -> Lead:
    conversation = Conversation.objects.select_related("lead").get(id=conversation_id)
    text = " ".join((name or conversation.counterpart_name).split())
    if conversation.lead_id is not None:
        raise Invalid("This conversation has a lead already.")
    if not text:
        raise Invalid("Say what the person is called.", field="name")
    kind, written, normalized = _address(conversation)
    first, _, last = ("", "", "") if "@" in text else text.partition(" ")
    draft = RowDraft(
        number=1,
        values=[],
        first_name=first[:120],
        last_name=last[:120],
        company=_company(conversation),
        addresses={kind: (written, normalized)},
    )
    made = leads.upsert_batch(client_id=conversation.client_id, drafts=[draft])
    suppression_marks.mark([*made.created, *made.updated])
    lead: Lead = Lead.objects.get(id=[*made.created, *made.updated][0])
    audit.record(actor=actor, action="lead.created", subject=lead, conversation=str(conversation.id))
    moves.rehome(conversation_id=conversation.id, lead_id=lead.id, actor=actor)
    return lead


def _address(conversation: Conversation) -> tuple[str, str, str]:
    """Kind, as written, and normalised: what the counterpart is reached by."""
    theirs = conversation.counterpart_id
    try:
        if conversation.channel == "email":
            return "email", theirs, email_address(theirs)
        if conversation.channel == "sms":
            return "phone", theirs, phone_number(theirs)
        person = Participant.objects.filter(conversation=conversation, provider_id=theirs).first()
        link = person.profile_url if person and person.profile_url else theirs
        return "linkedin", link, linkedin_identifier(link)
    except InvalidAddress as error:
        raise Invalid("There is no address to know this person by.") from error


def _company(conversation: Conversation) -> str:
    """The company that a mail address speaks of; nothing for those that anybody can have."""
    _, _, domain = conversation.counterpart_id.partition("@")
    if conversation.channel != "email" or not domain or is_free_mail(domain):
        return ""
    return domain.split(".")[0].capitalize()
