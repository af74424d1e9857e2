"""E-mail threads: which earlier mail of ours a step answers, and what its headers then say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from campaigns.models import Enrollment
from campaigns.plans.schema import SendNode
from campaigns.rendering.mail import reply_subject
from campaigns.services.refusals import NotSendable, NotYet
from integrations.models import OutboundMessage
from integrations.services.outgoing import message_id_of

State = OutboundMessage.State

#: Ids in ``References``: the root and the latest are what programs thread by.
MAX_REFERENCES: Final = 20


@dataclass(frozen=True, slots=True)
class Thread:
    """The headers of a mail that continues a thread. ``references`` begin with the root."""

    subject: str
    in_reply_to: str
    references: tuple[str, ...]


def continuing(enrollment: Enrollment, node: SendNode) -> Thread:
    """Return the thread that a step with ``threadWith`` continues.

    Raises ``NotYet`` while the earlier mail is on its way, ``NotSendable`` if it never left.
    """
    sent = (
        OutboundMessage.objects.filter(
            lead_id=enrollment.lead_id, enrollment_id=enrollment.id, node_id=node.thread_with, channel="email"
        )
        .select_related("sender")
        .order_by("-visit", "-created_at")
    )
    rows = list(sent)
    earlier = next((row for row in rows if row.state == State.SENT), None)
    if earlier is not None:
        return thread_of(earlier)
    if any(row.state in {State.QUEUED, State.SENDING, State.UNKNOWN} for row in rows):
        raise NotYet("thread", f"It continues “{node.thread_with}”, which has not left yet.")
    raise NotSendable("thread", f"It continues “{node.thread_with}”, which was never sent to this lead.")


def thread_of(earlier: OutboundMessage) -> Thread:
    """The headers of an answer to a mail of ours that left."""
    answered = earlier.provider_message_id or str(earlier.payload.get("message_id") or message_id_of(earlier))
    before = [str(part) for part in earlier.payload.get("references", ())]
    references = list(dict.fromkeys([*before, answered]))
    if len(references) > MAX_REFERENCES:
        references = [references[0], *references[-(MAX_REFERENCES - 1) :]]
    return Thread(reply_subject(str(earlier.payload.get("subject", ""))), answered, tuple(references))
