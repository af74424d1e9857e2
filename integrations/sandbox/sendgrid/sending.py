"""``POST /v3/mail/send``: checks what the vendor checks, queues, and lets things take their course."""

from __future__ import annotations

import json
from typing import Any

from integrations.sandbox.clock import iso_ms, utc_now
from integrations.sandbox.gateway import Answer, Call
from integrations.sandbox.sendgrid import state
from integrations.sandbox.sendgrid.answers import body_of, empty, refusal
from integrations.sandbox.world import World

_RESERVED = frozenset(
    {
        "x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding", "to",
        "from", "subject", "reply-to", "cc", "bcc",
    }
)  # fmt: skip
_MAX_ARGS = 10_000


def send(world: World, call: Call) -> Answer:
    """Queue one message for each recipient; one ``X-Message-Id`` for all of them."""
    body = body_of(call)
    sender = _address(body.get("from"), "from")
    if body.get("ip_pool_name") and not world.store.value(
        "SELECT 1 FROM sendgrid_pools WHERE name = ?", body["ip_pool_name"]
    ):
        raise refusal(400, "The IP pool does not exist.", "ip_pool_name")
    if not state.may_send(world, sender["email"].lower()):
        raise refusal(
            403,
            "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is"
            " resolved.",
            "from",
        )
    parts = _content(body)
    people = body.get("personalizations")
    if not isinstance(people, list) or not 1 <= len(people) <= 1000:
        raise refusal(
            400, "The personalizations field is required and must have at least one.", "personalizations"
        )
    checked = [_personalization(body, item, number) for number, item in enumerate(people)]
    if _switch(body, "mail_settings", "sandbox_mode"):
        return empty(200)
    vendor_id = state.token()
    for recipients, subject, headers, args in checked:
        for recipient in recipients:
            number = _store(world, vendor_id, body, sender, recipient, subject, headers, args, parts)
            call.wrote("email", to=recipient, vendor_id=vendor_id, subject=subject, **args)
            world.agenda.add(
                "sendgrid.deliver",
                due=world.clock.now(),
                subject=f"sendgrid|{recipient}",
                payload={"id": number},
            )
    return empty(202, **{"X-Message-Id": vendor_id})


def _address(value: Any, field: str) -> dict[str, str]:
    email = value.get("email") if isinstance(value, dict) else None
    if not isinstance(email, str) or email.count("@") != 1 or email.startswith("@") or email.endswith("@"):
        raise refusal(400, "Does not contain a valid address.", f"{field}.email")
    name = value.get("name") or ""
    if not isinstance(name, str):
        raise refusal(400, "The name must be a string.", f"{field}.name")
    return {"email": email, "name": name}


def _content(body: dict[str, Any]) -> dict[str, str]:
    content = body.get("content")
    if not isinstance(content, list) or not content:
        raise refusal(400, "The content field is required.", "content")
    types = [item.get("type") if isinstance(item, dict) else None for item in content]
    if "text/plain" in types[1:]:
        raise refusal(400, "The text/plain content must come first.", "content")
    for number, item in enumerate(content):
        if not isinstance(item.get("value"), str) or not item["value"]:
            raise refusal(400, "The content value must be a string at least one character in length.",
                          f"content.{number}.value")  # fmt: skip
    return {item["type"]: item["value"] for item in content}


def _personalization(
    body: dict[str, Any], item: Any, number: int
) -> tuple[list[str], str, dict[str, str], dict[str, str]]:
    where = f"personalizations.{number}"
    to = item.get("to") if isinstance(item, dict) else None
    if not isinstance(to, list) or not to:
        raise refusal(400, "The to array is required for all personalization objects.", f"{where}.to")
    recipients = []
    for place, value in enumerate(to):
        found = _address(value, f"{where}.to.{place}")
        if any(mark in found["name"] for mark in ",;"):
            raise refusal(400, "The name may not contain commas or semicolons.", f"{where}.to.{place}.name")
        recipients.append(found["email"].lower())
    subject = item.get("subject") or body.get("subject")
    if not isinstance(subject, str) or not subject:
        raise refusal(400, "The subject is required.", "subject")
    headers = (body.get("headers") or {}) | (item.get("headers") or {})
    for name, value in headers.items():
        if name.lower() in _RESERVED or not isinstance(value, str):
            raise refusal(400, f"The header {name} cannot be set.", f"{where}.headers.{name}")
    args = (body.get("custom_args") or {}) | (item.get("custom_args") or {})
    if any(not isinstance(value, str) for value in args.values()) or len(json.dumps(args)) > _MAX_ARGS:
        raise refusal(400, "custom_args must be strings of less than 10000 bytes.", f"{where}.custom_args")
    return recipients, subject, headers, args


def _switch(body: dict[str, Any], group: str, name: str) -> bool:
    settings = body.get(group) or {}
    value = (settings.get(name) or {}).get("enable", False)
    if not isinstance(value, bool):
        raise refusal(
            400, "The enable parameter is required and must be a boolean.", f"{group}.{name}.enable"
        )
    return value


def _store(
    world: World,
    vendor_id: str,
    body: dict[str, Any],
    sender: dict[str, str],
    recipient: str,
    subject: str,
    headers: dict[str, str],
    args: dict[str, str],
    parts: dict[str, str],
) -> int:
    given = {name.lower(): value for name, value in headers.items()}
    reply_to = body.get("reply_to") or {}
    moment = iso_ms(utc_now())
    return world.store.insert(
        "sendgrid_messages",
        vendor_id=vendor_id,
        rfc_id=given.get("message-id") or f"<{vendor_id}@geopod-ismtpd-7>",
        recipient=recipient,
        from_email=sender["email"].lower(),
        from_name=sender["name"],
        reply_to=str(reply_to.get("email") or sender["email"]).lower(),
        subject=subject,
        text=parts.get("text/plain", ""),
        html=parts.get("text/html", ""),
        headers=json.dumps(headers),
        args=json.dumps(args),
        categories=json.dumps(body.get("categories") or []),
        tracks_opens=int(_switch(body, "tracking_settings", "open_tracking")),
        tracks_clicks=int(_switch(body, "tracking_settings", "click_tracking")),
        pool=str(body.get("ip_pool_name") or ""),
        sent=world.clock.now(),
        at=moment,
        last_event_at=moment,
    )
