"""The Resend adapter: e-mails over its REST API (docs/providers/resend.md).

Resend's terms are made for mail that people expect; cold campaigns belong elsewhere. The installation's own mail
(``services.system_mail``) goes through the same adapter with the operator's key.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from integrations.base import MessageKnowledge
from integrations.errors import ErrorKind, ProviderError
from integrations.events import Normalised
from integrations.providers.resend import inbound, settle, webhooks
from integrations.providers.resend.client import ResendClient
from integrations.providers.resend.fields import PROVIDER, load_object, objects, text
from integrations.values import CredentialCheck, OutgoingEmail, SendIntent, SendReceipt, Settlement

_MAX_ATTACHMENTS_BYTES: Final = 40 * 1024 * 1024
_NOT_IN_TAGS: Final = re.compile(r"[^A-Za-z0-9_-]+")


class ResendAdapter:
    """One Resend team. Build it with ``registry.adapter_for``."""

    kind = PROVIDER

    def __init__(
        self,
        *,
        credentials: Mapping[str, str],
        base_url: str,
        trusted_base_url: str = "",
        breaker_key: str = "",
    ) -> None:
        self._client = ResendClient(
            api_key=str(credentials.get("api_key") or ""),
            base_url=base_url,
            trusted_base_url=trusted_base_url,
            breaker_key=breaker_key,
        )
        self._has_signing_secret = bool(credentials.get("signing_secret"))

    # --- VerifiesCredentials ----------------------------------------------------------------------

    def verify_credentials(self) -> CredentialCheck:
        """List the domains; nothing is sent. A key that may only send works, and says what it lacks."""
        works, lacks = ["Resend answers."], []
        try:
            domains = objects(self._client.get("/domains").get("data"))
        except ProviderError as error:
            if error.raw_type != "restricted_api_key":
                return CredentialCheck(ok=False, lacks=(error.message,))
            lacks.append("The key may only send: e-mails whose fate is uncertain cannot be looked up.")
        else:
            verified = [text(item, "name") for item in domains if text(item, "status") == "verified"]
            works.append(f"Verified domains: {', '.join(verified) or 'none'}.")
            lacks += [
                f"The domain {text(item, 'name')} is {text(item, 'status') or 'unknown'}."
                for item in domains
                if text(item, "status") != "verified"
            ]
        if not self._has_signing_secret:
            lacks.append("No signing secret is stored, so Resend's reports are refused.")
        return CredentialCheck(ok=True, works=tuple(works), lacks=tuple(lacks))

    # --- SendsEmail -------------------------------------------------------------------------------

    def send_email(self, *, account_id: str, email: OutgoingEmail) -> SendReceipt:
        """Hand one e-mail over. ``send_id`` is the key under which the same request again sends nothing more.

        Opens and clicks are a setting of the domain at Resend: ``track_opens`` and ``track_clicks`` change nothing.
        """
        del account_id
        if sum(len(item.content) for item in email.attachments) > _MAX_ATTACHMENTS_BYTES:
            raise ProviderError(
                ErrorKind.VALIDATION, "The attachments are larger than 40 MB.", provider=PROVIDER
            )
        raw = self._client.send("/emails", _body(email), key=email.send_id)
        return SendReceipt(
            message_id=text(raw, "id"),
            provider_message_id=email.message_id,
            chat_id=email.references[0] if email.references else email.message_id,
            raw=raw,
        )

    # --- ReceivesWebhooks -------------------------------------------------------------------------

    def verify_webhook(
        self, *, url: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
    ) -> None:
        """Check the signature over id, time and body."""
        del url
        webhooks.verify(headers, body, secrets)

    def webhook_type(self, body: bytes) -> str:
        """Return the event's name, ``""`` if there is none."""
        try:
            return inbound.event_name(load_object(body))
        except ProviderError:
            return ""

    def webhook_key(self, body: bytes) -> str | None:
        """Return the identity of the call, ``None`` for one that cannot be read."""
        try:
            return inbound.delivery_key(load_object(body))
        except ProviderError:
            return None

    def normalise(
        self, body: bytes, *, headers: Mapping[str, str], received_at: datetime, knowledge: MessageKnowledge
    ) -> Normalised:
        """Turn a call into events. Asks nobody."""
        del headers
        return inbound.from_webhook(load_object(body), received_at=received_at, knowledge=knowledge)

    # --- SettlesSends -----------------------------------------------------------------------------

    def settle(self, intent: SendIntent, *, now: datetime) -> Settlement:
        """Look for an uncertain e-mail in Resend's list."""
        return settle.settle(self._client, intent, now)


def _address(name: str, address: str) -> str:
    """Return ``"Name" <address>``; the API takes names as they are, not as encoded words."""
    if not name.strip():
        return address
    quoted = name.replace("\\", "").replace('"', "").replace("\r", " ").replace("\n", " ").strip()
    return f'"{quoted}" <{address}>'


def _body(email: OutgoingEmail) -> dict[str, Any]:
    """Return the request: one recipient, for an event does not say whom it is about."""
    headers = {"Message-ID": email.message_id, **email.headers}
    if email.in_reply_to:
        headers["In-Reply-To"] = email.in_reply_to
    if email.references:
        headers["References"] = " ".join(email.references)
    body: dict[str, Any] = {
        "from": _address(email.from_name, email.from_email),
        "to": [_address(email.to_name, email.to_email)],
        "subject": email.subject,
        "text": email.text,
        "headers": headers,
        "tags": [{"name": inbound.SEND_ID_TAG, "value": _NOT_IN_TAGS.sub("_", email.send_id)[:256]}]
        + [{"name": _NOT_IN_TAGS.sub("_", tag)[:256], "value": "1"} for tag in email.tags],
    }
    if email.html:
        body["html"] = email.html
    if email.reply_to:
        body["reply_to"] = email.reply_to
    if email.attachments:
        body["attachments"] = [
            {
                "filename": item.name,
                "content_type": item.mime_type,
                "content": base64.b64encode(item.content).decode(),
            }
            for item in email.attachments
        ]
    return body
