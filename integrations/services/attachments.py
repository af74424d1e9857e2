"""The bytes of files that people sent, from wherever their provider keeps them. Nothing is locked meanwhile."""

from __future__ import annotations

from integrations.base import Adapter, FetchesMail, SyncsMessages, UnpacksMail
from integrations.errors import ErrorKind, ProviderError
from integrations.events import dedupe_key
from integrations.mail.mime import file_of
from integrations.models import ProviderEvent, ProviderEventKey, SenderAccount, WebhookDelivery
from integrations.services.adapters import adapter_of


def fetch(
    *,
    sender: SenderAccount,
    api_message_id: str,
    provider_message_id: str,
    attachment_id: str,
    max_bytes: int,
) -> bytes:
    """Return a file of a received message.

    Raises ``ProviderError``: kind ``not_found`` if it is there no more, ``unsupported`` where the provider does not
    hand files out, ``validation`` if it is larger than ``max_bytes``, and whatever the call itself may raise.
    """
    adapter = adapter_of(sender.connection)
    if isinstance(adapter, SyncsMessages):
        with adapter.open_attachment(
            message_id=api_message_id, attachment_id=attachment_id, max_bytes=max_bytes
        ) as chunks:
            return b"".join(chunks)
    mail = _mail(adapter, sender, provider_message_id)
    try:
        found = file_of(mail, attachment_id)
    except (KeyError, ValueError) as error:
        raise ProviderError(
            ErrorKind.NOT_FOUND, "The mail has no such file.", provider=adapter.kind
        ) from error
    if len(found) > max_bytes:
        raise ProviderError(ErrorKind.VALIDATION, "The file is too large.", provider=adapter.kind)
    return found


def _mail(adapter: Adapter, sender: SenderAccount, message_id: str) -> bytes:
    if isinstance(adapter, FetchesMail):
        return adapter.fetch_mail(account_id=sender.provider_account_id, message_id=message_id)
    if not isinstance(adapter, UnpacksMail):
        raise ProviderError(
            ErrorKind.UNSUPPORTED, "This provider does not hand files out.", provider=adapter.kind
        )
    body = _call(sender, message_id)
    if body is None:
        raise ProviderError(ErrorKind.NOT_FOUND, "The mail is kept no more.", provider=adapter.kind)
    return adapter.mail_of(body)


def _call(sender: SenderAccount, message_id: str) -> bytes | None:
    """The raw call that brought a mail, as long as it is kept."""
    key = dedupe_key("message_received", sender.provider_account_id, message_id)
    known = ProviderEventKey.objects.filter(sender=sender, key=key).values_list("event_id", flat=True).first()
    event = ProviderEvent.objects.filter(id=known).first() if known else None
    if event is None or event.delivery_id is None:
        return None
    delivery = WebhookDelivery.objects.filter(id=event.delivery_id).first()
    return bytes(delivery.body) if delivery is not None else None
