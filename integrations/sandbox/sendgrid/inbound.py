"""Inbound Parse: mail to a host that is set up, posted as multipart/form-data, signed by the host's policy.

A 4xx or a redirect loses the mail for good, as at the vendor; 5xx is tried again.
"""

from __future__ import annotations

import json
from email.message import EmailMessage

from integrations.sandbox.deliveries import Outgoing
from integrations.sandbox.sendgrid import signing, state
from integrations.sandbox.store import Row
from integrations.sandbox.world import World


def setting_for(world: World, address: str) -> Row | None:
    """The setting of the host of an address."""
    host = address.rpartition("@")[2].lower()
    return world.store.one("SELECT * FROM sendgrid_parse_webhooks WHERE hostname = ?", host)


def post(world: World, message: EmailMessage, *, sender: str, to: str) -> bool:
    """Hand a mail to the host's address; false if nobody takes mail for it."""
    setting = setting_for(world, to)
    if setting is None:
        return False
    fields = {
        "to": str(message["To"]),
        "from": str(message["From"]),
        "subject": str(message["Subject"]),
        "sender_ip": "203.0.113.25",
        "SPF": "pass",
        "dkim": f"{{@{sender.rpartition('@')[2]} : pass}}",
        "envelope": json.dumps({"to": [to], "from": sender}),
        "charsets": json.dumps(dict.fromkeys(("to", "from", "subject"), "UTF-8")),
    }
    parts = {name: value.encode() for name, value in fields.items()}
    parts |= _whole(message) if setting["send_raw"] else _apart(message)
    boundary = f"xYzZY{state.token(16)}"
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"
        for name, value in parts.items()
    )
    body += f"--{boundary}--\r\n".encode()
    key = world.store.value("SELECT key FROM sendgrid_policy_webhooks WHERE id = ?", setting["policy"]) or ""
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        **signing.signed(key, body),
    }
    faults = world.faults.for_webhook("sendgrid", "inbound_parse")
    lane = f"sendgrid-parse|{setting['hostname']}"
    world.deliveries.enqueue(
        Outgoing("sendgrid", lane, "inbound_parse", setting["url"], headers, body, rules="any_2xx final_4xx"),
        faults,
    )
    return True


def _whole(message: EmailMessage) -> dict[str, bytes]:
    return {"email": message.as_bytes()}


def _apart(message: EmailMessage) -> dict[str, bytes]:
    """The other form: header, text and HTML apart, files left out."""
    plain = message.get_body(("plain",))
    html = message.get_body(("html",))
    head = "".join(f"{name}: {value}\r\n" for name, value in message.items())
    parts = {
        "headers": head.encode(),
        "text": (plain.get_content() if plain else "").encode(),
        "attachments": b"0",
        "charsets": json.dumps(dict.fromkeys(("to", "from", "subject", "text", "html"), "UTF-8")).encode(),
    }
    if html is not None:
        parts["html"] = html.get_content().encode()
    return parts
