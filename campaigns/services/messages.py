"""From a step and a lead to the text that leaves. A send with an unfilled variable never leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from campaigns import identity
from campaigns.models import Enrollment, Lead, LeadChannel
from campaigns.plans.schema import Content, SendNode
from campaigns.rendering import TemplateError, TooLong, UnfilledVariable, check_length, render
from campaigns.scheduling import fraction
from integrations.models import SenderAccount


class NotSendable(ValueError):
    """This step cannot be sent to this lead; ``code`` is stable, the message plain."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Composed:
    """Who gets what: the recipient's ids on the network, the rendered text, and what else leaves with it."""

    recipient: dict[str, Any]
    body: str
    payload: dict[str, Any] = field(default_factory=dict)
    variant_id: str = ""


def compose(*, enrollment: Enrollment, node: SendNode, visit: int, sender: SenderAccount) -> Composed:
    """Render a step for a lead. Raises ``NotSendable`` for missing addresses, unfilled variables, wrong lengths."""
    address = (
        LeadChannel.objects.filter(lead=enrollment.lead, kind=node.channel)
        .order_by("created_at", "id")
        .first()
    )
    if address is None:
        raise NotSendable("no_address", f"{enrollment.lead} has no {node.channel} address.")
    seed = f"{enrollment.id}:{node.id}:{visit}"
    body = _text(node, _content(node, seed), context_for_lead(enrollment.lead, sender), seed)
    return Composed(_recipient(address), body)


def _recipient(address: LeadChannel) -> dict[str, Any]:
    is_id = identity.is_member_id(address.normalized)
    return {
        "provider_id": address.provider_id or (address.normalized if is_id else ""),
        "public_identifier": "" if is_id else address.normalized,
        "chat_id": "",
    }


def _content(node: SendNode, seed: str) -> Content:
    """The step's content; of several variants the one that the enrollment's seed draws by weight."""
    if not node.variants:
        return node.content or Content()
    point = fraction(f"variant:{seed}") * sum(variant.weight for variant in node.variants)
    for variant in node.variants:
        point -= variant.weight
        if point < 0:
            return variant.content
    return node.variants[-1].content


def field_of(action: str) -> str:
    """The content field that an action sends."""
    return {"invite": "note", "email": "body"}.get(action, "text")


def _text(node: SendNode, content: Content, context: dict[str, Any], seed: str) -> str:
    if node.action == "profile_view":
        return ""
    template = getattr(content, field_of(node.action))
    try:
        text = render(template, context, seed=seed).text
        check_length(text, node.action, field_of(node.action))
    except UnfilledVariable as error:
        raise NotSendable(
            "unfilled", f"No value for {', '.join(error.names)}; add one or a fallback."
        ) from error
    except TooLong as error:
        raise NotSendable("length", str(error)) from error
    except TemplateError as error:
        raise NotSendable("template", f"The text cannot be used: {error}") from error
    if not text and node.action != "invite":
        raise NotSendable("empty", "The text is empty for this lead.")
    return text


def context_for_lead(lead: Lead, sender: SenderAccount | None) -> dict[str, Any]:
    """The variables a template may use for one lead."""
    company = lead.company
    first, _, last = (sender.name if sender else "").partition(" ")
    return {
        "lead": {
            "first_name": lead.first_name,
            "last_name": lead.last_name,
            "full_name": f"{lead.first_name} {lead.last_name}".strip(),
            "title": lead.title,
            "country": lead.country,
        },
        "company": {
            "name": company.name if company else "",
            "domain": company.domain if company else "",
            "country": company.country if company else "",
        },
        "sender": {"first_name": first, "last_name": last, "full_name": sender.name if sender else ""},
        "client": {"name": lead.client.name},
        "custom": dict(lead.fields),
    }
