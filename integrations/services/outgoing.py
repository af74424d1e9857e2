"""From an outbox row to what an adapter is handed: the whole e-mail or text message, with its files."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.urls import reverse

from integrations.models import OutboundMessage
from integrations.values import OutgoingAttachment, OutgoingEmail, OutgoingSms

Files = Callable[[OutboundMessage], tuple[OutgoingAttachment, ...]]
_files: list[Files] = []


def use_files(load: Files) -> None:
    """Say who keeps the files of outbox rows whose ``payload`` has ``files``: a room above. The last one counts."""
    _files[:] = [load]


def files_of(outbound: OutboundMessage) -> tuple[OutgoingAttachment, ...]:
    """Return the files that a row leaves with, from whoever keeps them."""
    return _files[0](outbound) if _files and outbound.payload.get("files") else ()


def email_of(outbound: OutboundMessage) -> OutgoingEmail:
    """Return the e-mail of an outbox row; ``payload`` is as on the model."""
    sender, payload = outbound.sender, outbound.payload
    return OutgoingEmail(
        send_id=str(outbound.id),
        message_id=payload.get("message_id") or message_id_of(outbound),
        from_email=sender.address,
        from_name=sender.name,
        reply_to=sender.reply_to,
        to_email=outbound.recipient["email"],
        to_name=outbound.recipient.get("name", ""),
        cc=tuple(payload.get("cc", ())),
        bcc=tuple(payload.get("bcc", ())),
        subject=payload.get("subject", ""),
        text=outbound.body,
        html=payload.get("html", ""),
        in_reply_to=payload.get("in_reply_to", ""),
        references=tuple(payload.get("references", ())),
        headers=payload.get("headers", {}),
        tags=(f"campaign-{outbound.campaign_id}",) if outbound.campaign_id else (),
        track_opens=bool(payload.get("track_opens")),
        track_clicks=bool(payload.get("track_clicks")),
        ip_pool=str(sender.options.get("ip_pool", "")),
        attachments=files_of(outbound),
    )


def message_id_of(outbound: OutboundMessage) -> str:
    """Return the RFC 5322 id that a row's e-mail leaves with: the same however often it is asked for."""
    domain = outbound.sender.address.rpartition("@")[2] or "localhost"
    return f"<{outbound.id.hex}@{domain}>"


def sms_of(outbound: OutboundMessage) -> OutgoingSms:
    """Return the text message of an outbox row; the vendor reports its fate to the connection's address, with
    the row's id in it.
    """
    sender, connection = outbound.sender, outbound.sender.connection
    path = reverse("webhooks:receive", args=[connection.provider, connection.key])
    return OutgoingSms(
        send_id=str(outbound.id),
        to=outbound.recipient["phone"],
        text=outbound.body,
        from_number=sender.address,
        messaging_service_sid=str(sender.options.get("messaging_service_sid", "")),
        status_callback=f"{settings.WEBHOOK_BASE_URL}{path}?send_id={outbound.id}",
    )
