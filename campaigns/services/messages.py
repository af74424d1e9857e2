"""From a step and a lead to what leaves, on every channel. A send with an unfilled variable never leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from campaigns import identity
from campaigns.models import Enrollment, Lead, LeadChannel, OutreachPolicy
from campaigns.plans.schema import Content, SendNode
from campaigns.plans.variants import choose
from campaigns.rendering import TemplateError, TooLong, UnfilledVariable, check_length, render
from campaigns.rendering.mail import Footer, mail_body
from campaigns.services import addresses, texting, threading, unsubscribes
from campaigns.services.outreach import policy_for
from campaigns.services.planning import plan_of
from campaigns.services.refusals import NotSendable, NotYet
from integrations.models import SenderAccount

__all__ = ["Composed", "NotSendable", "NotYet", "compose", "context_for_lead", "field_of"]


@dataclass(frozen=True, slots=True)
class Composed:
    """Who gets what: the recipient's address, the rendered text, and what else leaves with it.

    ``recipient`` and ``payload`` are as on ``OutboundMessage``.
    """

    recipient: dict[str, Any]
    body: str
    payload: dict[str, Any] = field(default_factory=dict)
    variant_id: str = ""


def compose(
    *, enrollment: Enrollment, node: SendNode, visit: int, sender: SenderAccount, winner: str = ""
) -> Composed:
    """Render a step for a lead. ``winner`` is the variant that everybody gets by now, ``""`` for none.

    Raises ``NotSendable`` for missing or refused addresses, unfilled variables and wrong lengths, and ``NotYet`` where
    something else has to happen first.
    """
    address = _address_of(enrollment.lead, node.channel)
    seed = text_seed(enrollment.lead_id, node.id, visit)
    variant_id, content = choose(node, f"{enrollment.id}:{node.id}", winner=winner)
    context = context_for_lead(enrollment.lead, sender)
    if node.channel == "email":
        return _email(enrollment, node, sender, address, content, variant_id, context, seed)
    if node.channel == "sms":
        return _sms(enrollment, node, sender, address, content, variant_id, context, seed)
    body = _text(node, content, context, seed)
    if node.action == "invite":
        _check_length(node, "note", body, premium=sender.has_paid_seat)
    payload = (
        {"subject": _rendered(node, "subject", content, context, seed)} if node.action == "inmail" else {}
    )
    return Composed(_recipient(address), body, payload, variant_id)


def text_seed(lead_id: UUID, node_id: str, visit: int) -> str:
    """What the words that change from lead to lead are drawn from: previews, simulations and sends draw the same."""
    return f"{lead_id}:{node_id}:{visit}"


def _address_of(lead: Lead, channel: str) -> LeadChannel:
    """The lead's first address on a channel; one that has not bounced, if there is one."""
    found = [row for row in lead.channels.all() if row.kind == channel]
    found.sort(key=lambda row: (row.bounced_at is not None, row.created_at, row.id))
    if not found:
        raise NotSendable("no_address", f"{lead} has no {channel} address.")
    return found[0]


def _recipient(address: LeadChannel) -> dict[str, Any]:
    is_id = identity.is_member_id(address.normalized)
    return {
        "provider_id": address.provider_id or (address.normalized if is_id else ""),
        "public_identifier": "" if is_id else address.normalized,
        "chat_id": "",
    }


# --- e-mail -----------------------------------------------------------------------------------------


def _email(
    enrollment: Enrollment,
    node: SendNode,
    sender: SenderAccount,
    address: LeadChannel,
    content: Content,
    variant_id: str,
    context: dict[str, Any],
    seed: str,
) -> Composed:
    policy = policy_for(enrollment.lead.client)
    addresses.refuse(address.normalized, policy)
    token = unsubscribes.token_of(unsubscribes.link_for(_who(enrollment, address, sender)))
    url = unsubscribes.url_of(token)
    context = {**context, "unsubscribe_url": url, "client": _client_context(enrollment.lead, policy)}
    text = _text(node, content, context, seed)
    thread = threading.continuing(enrollment, node) if node.thread_with else None
    subject = thread.subject if thread else ""
    if thread is None or content.subject.strip():
        subject = _rendered(node, "subject", content, context, seed)
    if not subject:
        raise NotSendable("no_subject", "The subject is empty for this lead.")
    body = mail_body(text, signature=sender.signature, footer=footer_of(enrollment.lead, policy, url))
    payload: dict[str, Any] = {
        "subject": subject,
        "html": body.html,
        "headers": unsubscribes.headers_of(token, _mailbox(sender)),
        **_tracking(enrollment, node, policy),
    }
    if thread is not None:
        payload |= {"in_reply_to": thread.in_reply_to, "references": list(thread.references)}
    recipient = {"email": address.normalized, "name": _name(enrollment.lead)}
    return Composed(recipient, body.text, payload, variant_id)


def _who(enrollment: Enrollment, address: LeadChannel, sender: SenderAccount) -> unsubscribes.Address:
    return unsubscribes.Address(
        client_id=enrollment.client_id,
        channel=address.kind,
        value=address.normalized,
        lead_id=enrollment.lead_id,
        campaign_id=enrollment.campaign_id,
        enrollment_id=enrollment.id,
        sender_id=sender.id,
    )


def _mailbox(sender: SenderAccount) -> str:
    """Where a mail program may send an unsubscribe mail to: a mailbox of ours that is read."""
    return str(sender.options.get("unsubscribe_address", "")) or sender.reply_to or sender.address


def footer_of(lead: Lead, policy: OutreachPolicy, url: str) -> Footer | None:
    """What stands under an e-mail to a lead; nothing where the client's rule wants none."""
    if not policy.email_footer:
        return None
    return Footer(
        sender=policy.legal_name or lead.client.name,
        address=policy.postal_address,
        unsubscribe_text=policy.unsubscribe_text,
        unsubscribe_url=url,
    )


def _tracking(enrollment: Enrollment, node: SendNode, policy: OutreachPolicy) -> dict[str, bool]:
    """What is tracked: what the client's rules say, and what a plan that waits for it needs."""
    awaited = {
        transition.on
        for other in plan_of(enrollment).nodes
        if isinstance(other, SendNode) and other.channel == "email"
        for transition in other.transitions
    }
    return {
        "track_opens": policy.track_opens or bool(awaited & {"open", "no_open"}),
        "track_clicks": policy.track_clicks or bool(awaited & {"click", "no_click"}),
    }


def _name(lead: Lead) -> str:
    return f"{lead.first_name} {lead.last_name}".strip()


# --- SMS --------------------------------------------------------------------------------------------


def _sms(
    enrollment: Enrollment,
    node: SendNode,
    sender: SenderAccount,
    address: LeadChannel,
    content: Content,
    variant_id: str,
    context: dict[str, Any],
    seed: str,
) -> Composed:
    policy = policy_for(enrollment.lead.client)
    if "unsubscribe_url" in content.text:
        link = unsubscribes.link_for(_who(enrollment, address, sender))
        context = {**context, "unsubscribe_url": unsubscribes.url_of(unsubscribes.token_of(link))}
    text = _text(node, content, context, seed)
    body = texting.with_notice(text, enrollment=enrollment, phone=address.normalized, policy=policy)
    _check_length(node, "text", body)
    return Composed({"phone": address.normalized}, body, {"segments": texting.segments(body)}, variant_id)


# --- texts ------------------------------------------------------------------------------------------


def field_of(action: str) -> str:
    """The content field that an action sends."""
    return {"invite": "note", "email": "body"}.get(action, "text")


def _text(node: SendNode, content: Content, context: dict[str, Any], seed: str) -> str:
    if node.action == "profile_view":
        return ""
    text = _rendered(node, field_of(node.action), content, context, seed)
    if not text and node.action != "invite":
        raise NotSendable("empty", "The text is empty for this lead.")
    return text


def _rendered(node: SendNode, name: str, content: Content, context: dict[str, Any], seed: str) -> str:
    try:
        text = render(getattr(content, name), context, seed=seed).text
    except UnfilledVariable as error:
        raise NotSendable(
            "unfilled", f"No value for {', '.join(error.names)}; add one or a fallback."
        ) from error
    except TemplateError as error:
        raise NotSendable("template", f"The text cannot be used: {error}") from error
    if name == "subject":
        text = " ".join(text.split())
    _check_length(node, name, text)
    return text


def _check_length(node: SendNode, name: str, text: str, *, premium: bool = True) -> None:
    try:
        check_length(text, node.action, name, premium=premium)
    except TooLong as error:
        raise NotSendable("length", str(error)) from error


def context_for_lead(lead: Lead, sender: SenderAccount | None) -> dict[str, Any]:
    """The variables a template may use for one lead; ``unsubscribe_url`` is added where a message is composed."""
    company = lead.company
    first, _, last = (sender.name if sender else "").partition(" ")
    reached_at: dict[str, str] = {}
    for row in sorted(lead.channels.all(), key=lambda row: (row.created_at, row.id)):
        reached_at.setdefault(row.kind, row.normalized)
    return {
        "lead": {
            "first_name": lead.first_name,
            "last_name": lead.last_name,
            "full_name": _name(lead),
            "title": lead.title,
            "country": lead.country,
            "email": reached_at.get("email", ""),
            "phone": reached_at.get("sms", ""),
        },
        "company": {
            "name": company.name if company else "",
            "domain": company.domain if company else "",
            "country": company.country if company else "",
        },
        "sender": {
            "first_name": first,
            "last_name": last,
            "full_name": sender.name if sender else "",
            "email": sender.address if sender and sender.channel == "email" else "",
            "phone": sender.address if sender and sender.channel == "sms" else "",
        },
        "client": {"name": lead.client.name},
        "custom": dict(lead.fields),
    }


def _client_context(lead: Lead, policy: OutreachPolicy) -> dict[str, str]:
    return {"name": lead.client.name, "postal_address": policy.postal_address}
