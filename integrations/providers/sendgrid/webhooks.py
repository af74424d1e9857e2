"""SendGrid's webhooks: proof of origin, what has to be registered, and what is wrong with what is registered.

Calls are signed with ECDSA (P-256, SHA-256) over the timestamp header and the raw body
(docs/providers/sendgrid.md, section 3). SendGrid makes the key, one for each event webhook and one for each
security policy of Inbound Parse; we keep the public halves.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from integrations.errors import WebhookRefusedError
from integrations.providers.sendgrid.fields import text
from integrations.values import Raw, WebhookFinding, WebhookProblem, WebhookRegistration

SIGNATURE_HEADER: Final = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER: Final = "X-Twilio-Email-Event-Webhook-Timestamp"

EVENT: Final = "event"
PARSE: Final = "parse"
#: Settings' names of what we want to be told; ``spam_report`` is ``spamreport`` in the calls themselves.
EVENTS: Final = frozenset(
    {
        "dropped", "deferred", "delivered", "bounce", "open", "click", "spam_report", "unsubscribe",
        "group_unsubscribe", "group_resubscribe",
    }
)  # fmt: skip
ALL_EVENTS: Final = EVENTS | {"processed"}
_NAME: Final = "outbound-engine"
_ARMOUR: Final = ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----")


@lru_cache(maxsize=512)
def public_key(given: str) -> ec.EllipticCurvePublicKey | None:
    """Return the key of a base64 DER text, with or without PEM armour; ``None`` if it is none."""
    for line in _ARMOUR:
        given = given.replace(line, "")
    try:
        key = load_der_public_key(base64.b64decode("".join(given.split()), validate=True))
    except (binascii.Error, ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) else None


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    """Check the signature against every public key among ``secrets``. Raises ``WebhookRefusedError``.

    No window for the timestamp: calls are repeated for up to a day (mail: three), and whether they are signed
    anew is not documented. What was told before is recognised by its ids.
    """
    keys = [key for key in map(public_key, secrets) if key is not None]
    if not keys:
        raise WebhookRefusedError("No verification key is set for this connection.", fault_is_ours=True)
    given = {name.lower(): value for name, value in headers.items()}
    signature, timestamp = given.get(SIGNATURE_HEADER.lower()), given.get(TIMESTAMP_HEADER.lower())
    if not signature or not timestamp:
        raise WebhookRefusedError("The call is not signed.")
    try:
        proof = base64.b64decode(signature, validate=True)
        signed = timestamp.encode("latin-1") + body
    except (binascii.Error, ValueError):
        raise WebhookRefusedError("The signature cannot be read.") from None
    for key in keys:
        try:
            key.verify(proof, signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return
    raise WebhookRefusedError("The signature does not fit any of our keys.")


def required(url: str, secret: str, parse_hosts: Sequence[str]) -> tuple[WebhookRegistration, ...]:
    """Return the registrations that make SendGrid call ``url``: for events, and for the mail to each host.

    ``secret`` names the generation: once it is replaced, the event webhook gets a new key.
    """
    generation = hashlib.sha256(secret.encode()).hexdigest()[:8]
    wanted = [WebhookRegistration(source=EVENT, url=url, events=EVENTS, name=f"{_NAME} {generation}")]
    wanted += [WebhookRegistration(source=PARSE, url=url, name=host) for host in parse_hosts]
    return tuple(wanted)


def parse_event_setting(raw: Raw, key: str) -> WebhookRegistration:
    """Read an event webhook; ``key`` is its public key, ``""`` if it does not sign."""
    return WebhookRegistration(
        source=EVENT,
        url=text(raw, "url"),
        events=frozenset(name for name in ALL_EVENTS if raw.get(name) is True),
        enabled=raw.get("enabled") is not False,
        name=text(raw, "friendly_name"),
        registration_id=f"{EVENT}:{text(raw, 'id')}",
        public_key=key,
    )


def parse_parse_setting(raw: Raw, key: str) -> WebhookRegistration:
    """Read the setting of one host for inbound mail."""
    return WebhookRegistration(
        source=PARSE,
        url=text(raw, "url"),
        name=text(raw, "hostname"),
        registration_id=f"{PARSE}:{text(raw, 'hostname')}",
        format="raw" if raw.get("send_raw") is True else "parsed",
        public_key=key,
    )


def event_body(registration: WebhookRegistration) -> Raw:
    """Return the request body of an event webhook."""
    switches = {name: name in registration.events for name in sorted(ALL_EVENTS)}
    return {"enabled": True, "url": registration.url, "friendly_name": registration.name, **switches}


def check(
    registered: Sequence[WebhookRegistration], wanted: Sequence[WebhookRegistration]
) -> tuple[WebhookFinding, ...]:
    """Say what is wrong. Ours are event webhooks with our path, and the hosts that we ask for; all others belong
    to somebody else.
    """
    findings: list[WebhookFinding] = []
    for want in wanted:
        path = urlsplit(want.url).path
        ours = [
            found
            for found in registered
            if found.source == want.source
            and (found.name == want.name if want.source == PARSE else urlsplit(found.url).path == path)
        ]
        findings += _check_one(want, ours)
    return tuple(findings)


def _check_one(want: WebhookRegistration, ours: list[WebhookRegistration]) -> list[WebhookFinding]:
    label = "events" if want.source == EVENT else f"mail to {want.name}"
    if not ours:
        message = f"No webhook for {label} is registered."
        return [_finding(WebhookProblem.MISSING, want, message, create=want)]
    right = [found for found in ours if _problem(found, want) is None]
    keep = right[0] if right else ours[0]
    findings: list[WebhookFinding] = []
    if not right:
        problem = _problem(keep, want)
        assert problem is not None
        # Changed in place: the plan may not allow a second one, and no call is missed in between.
        mended = want.model_copy(update={"registration_id": keep.registration_id})
        findings.append(_finding(problem, want, _explain(problem, keep, want, label), create=mended))
    for found in ours:
        if found is not keep:
            message = f"The webhook for {label} is registered more than once."
            findings.append(
                _finding(WebhookProblem.DUPLICATE, want, message, remove=(found.registration_id,))
            )
    return findings


def _finding(
    problem: WebhookProblem,
    want: WebhookRegistration,
    message: str,
    *,
    create: WebhookRegistration | None = None,
    remove: tuple[str, ...] = (),
) -> WebhookFinding:
    return WebhookFinding(problem=problem, source=want.source, message=message, create=create, remove=remove)


def _problem(found: WebhookRegistration, want: WebhookRegistration) -> WebhookProblem | None:
    """Return the first thing that is wrong with one registration. More events than needed are fine."""
    renewed = want.source == EVENT and found.name.startswith(f"{_NAME} ") and found.name != want.name
    checks = (
        (WebhookProblem.WRONG_URL, found.url != want.url),
        (WebhookProblem.DISABLED, not found.enabled),
        (WebhookProblem.WRONG_EVENTS, not want.events <= found.events),
        (WebhookProblem.WRONG_HEADERS, not found.public_key or renewed),
        (WebhookProblem.WRONG_FORMAT, want.source == PARSE and found.format != "raw"),
    )
    return next((problem for problem, wrong in checks if wrong), None)


def _explain(
    problem: WebhookProblem, found: WebhookRegistration, want: WebhookRegistration, label: str
) -> str:
    match problem:
        case WebhookProblem.WRONG_URL:
            return f"The webhook for {label} calls {urlsplit(found.url).netloc or 'nothing'}, not us."
        case WebhookProblem.DISABLED:
            return f"The webhook for {label} is turned off."
        case WebhookProblem.WRONG_EVENTS:
            lacking = ", ".join(sorted(want.events - found.events))
            return f"The webhook for {label} lacks events: {lacking}."
        case WebhookProblem.WRONG_FORMAT:
            return f"The webhook for {label} does not send the raw message."
        case _:
            return f"The webhook for {label} is not signed, or is signed with a replaced key."
