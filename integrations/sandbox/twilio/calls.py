"""Twilio's API as far as the product uses it: messages, numbers, messaging services (docs/providers/twilio.md)."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from urllib.parse import urlencode, urlsplit

from integrations.sandbox.gateway import Answer, Call
from integrations.sandbox.people import Person
from integrations.sandbox.store import Row
from integrations.sandbox.twilio import prospects, shapes, state
from integrations.sandbox.twilio.shapes import refusal
from integrations.sandbox.world import World

_E164 = re.compile(r"\+[1-9]\d{6,14}\Z")
_MAX_BODY = 1600


def authenticate(world: World, call: Call) -> None:
    """Basic: account SID and auth token, or any API key with one of the sandbox's keys (401, 20003)."""
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        user, password = "", ""
    accepted = world.settings["api_keys"] if user.startswith("SK") else [state.auth_token(world)]
    known = user.startswith("SK") or user == state.ACCOUNT_SID
    right = any(hmac.compare_digest(password.encode(), key.encode()) for key in accepted)
    named = call.parameters.get("account_sid", state.ACCOUNT_SID)
    if scheme.lower() != "basic" or not known or not right or named != state.ACCOUNT_SID:
        raise refusal("20003")


def field(call: Call, name: str) -> str:
    """A field of the form, ``""`` if absent."""
    return (call.fields.get(name) or [""])[-1]


def query(call: Call, name: str) -> str:
    """A query parameter, ``""`` if absent."""
    return (call.query.get(name) or [""])[-1]


def account(world: World, call: Call) -> Answer:
    """``GET /Accounts/{sid}.json``."""
    return Answer({"sid": state.ACCOUNT_SID, "friendly_name": "Sandbox", "status": "active", "type": "Full"})


# ---- messages


def send(world: World, call: Call) -> Answer:
    """``POST /Messages.json``: 201, or an error code."""
    to, body = field(call, "To"), field(call, "Body")
    if not _E164.match(to):
        raise refusal("21211", f"Invalid 'To' Phone Number: {to}")
    if not body:
        raise refusal("21602")
    if len(body) > _MAX_BODY:
        raise refusal("21617")
    mine, service_sid = _sender(world, call, to)
    person = world.people.meet(to)
    _check_reachable(world, mine["number"], person)
    callback = field(call, "StatusCallback")
    if callback and not urlsplit(callback).netloc:
        raise refusal("21609", "Invalid 'StatusCallback' URL")
    row = state.add_message(
        world, service_sid=service_sid, ours=mine["number"], theirs=to, body=body,
        status="accepted" if service_sid else "queued", direction="outbound-api", segments=shapes.segments(body),
        callback=callback,
    )  # fmt: skip
    call.wrote("sms", sid=row["sid"], to=to, ours=mine["number"], text=body, segments=row["segments"])
    prospects.on_sent(world, row)
    return Answer(shapes.message(row), 201)


def _sender(world: World, call: Call, to: str) -> tuple[Row, str]:
    number, service_sid = field(call, "From"), field(call, "MessagingServiceSid")
    if service_sid and state.service(world, service_sid) is None:
        raise refusal("20404", "The Messaging Service does not exist")
    if number:
        mine = state.number(world, number)
        if mine is None or not mine["sms"]:
            raise refusal("21606")
        return mine, service_sid
    mine = state.service_number(world, service_sid, to) if service_sid else None
    if mine is None:
        raise refusal("21703" if service_sid else "21603", "A 'From' phone number is required.")
    return mine, service_sid


def _check_reachable(world: World, ours: str, person: Person) -> None:
    if person.refuse_message:
        raise refusal(person.refuse_message)
    if not person.exists:
        raise refusal("21614")
    if state.opted_out(world, ours, person.slug):
        raise refusal("21610")


def list_messages(world: World, call: Call) -> Answer:
    """``GET /Messages.json``: newest first, by ``To``, ``From`` and the day of ``DateSent``."""
    to, sender = query(call, "To"), query(call, "From")
    rows = world.store.all(
        "SELECT * FROM twilio_messages WHERE"
        " (?1 = '' OR CASE WHEN direction = 'inbound' THEN ours ELSE theirs END = ?1)"
        " AND (?2 = '' OR CASE WHEN direction = 'inbound' THEN theirs ELSE ours END = ?2)"
        " AND (?3 = '' OR sent_at >= ?3) AND (?4 = '' OR sent_at < ?4) ORDER BY seq DESC",
        to, sender, query(call, "DateSent>"), query(call, "DateSent<"),
    )  # fmt: skip
    return _listing(call, "messages", [shapes.message(row) for row in rows])


def get_message(world: World, call: Call) -> Answer:
    """``GET /Messages/{sid}.json``."""
    row = state.message(world, call.parameters["sid"])
    if row is None:
        raise refusal("20404")
    return Answer(shapes.message(row))


def _listing(call: Call, name: str, items: list[dict[str, object]]) -> Answer:
    """One page of a list, with the address of the next (relative to the host, as Twilio gives it)."""
    size = min(1000, max(1, int(query(call, "PageSize") or 50)))
    page = int(query(call, "Page") or 0)
    start = page * size
    more = None
    if start + size < len(items):
        kept = {key: values[-1] for key, values in call.query.items()}
        more = f"{call.path}?{urlencode(kept | {'Page': page + 1, 'PageToken': f'PA{page + 1}'})}"
    return Answer({name: items[start : start + size], "page": page, "page_size": size, "next_page_uri": more})


# ---- numbers and services


def list_numbers(world: World, call: Call) -> Answer:
    """``GET /IncomingPhoneNumbers.json``, by ``PhoneNumber``."""
    rows = world.store.all(
        "SELECT * FROM twilio_numbers WHERE ?1 = '' OR number = ?1 ORDER BY rowid", query(call, "PhoneNumber")
    )
    return _listing(call, "incoming_phone_numbers", [shapes.number(row) for row in rows])


def update_number(world: World, call: Call) -> Answer:
    """``POST /IncomingPhoneNumbers/{sid}.json`` with ``SmsUrl``."""
    row = state.number(world, call.parameters["sid"])
    if row is None:
        raise refusal("20404")
    world.store.run("UPDATE twilio_numbers SET sms_url = ? WHERE sid = ?", field(call, "SmsUrl"), row["sid"])
    call.wrote("number", number=row["number"], sms_url=field(call, "SmsUrl"))
    changed = state.number(world, row["sid"])
    assert changed is not None
    return Answer(shapes.number(changed))


def list_services(world: World, call: Call) -> Answer:
    """``GET /v1/Services``."""
    rows = world.store.all("SELECT * FROM twilio_services ORDER BY rowid")
    return Answer({"services": [shapes.service(row) for row in rows], "meta": {"key": "services"}})


def _service(world: World, call: Call) -> Row:
    row = state.service(world, call.parameters["service_sid"])
    if row is None:
        raise refusal("20404")
    return row


def get_service(world: World, call: Call) -> Answer:
    """``GET /v1/Services/{sid}``."""
    return Answer(shapes.service(_service(world, call)))


def update_service(world: World, call: Call) -> Answer:
    """``POST /v1/Services/{sid}`` with ``InboundRequestUrl``."""
    row = _service(world, call)
    url = field(call, "InboundRequestUrl")
    world.store.run("UPDATE twilio_services SET inbound_url = ? WHERE sid = ?", url, row["sid"])
    call.wrote("service", sid=row["sid"], inbound_url=url)
    return Answer(shapes.service(_service(world, call)))


def service_numbers(world: World, call: Call) -> Answer:
    """``GET /v1/Services/{sid}/PhoneNumbers``."""
    sid = _service(world, call)["sid"]
    rows = world.store.all("SELECT * FROM twilio_numbers WHERE service_sid = ? ORDER BY rowid", sid)
    items = [{"sid": row["sid"], "service_sid": sid, "phone_number": row["number"]} for row in rows]
    return Answer({"phone_numbers": items, "meta": {"key": "phone_numbers"}})


def service_campaign(world: World, call: Call) -> Answer:
    """``GET /v1/Services/{sid}/Compliance/Usa2p``."""
    row = _service(world, call)
    items = [shapes.campaign(row)] if row["campaign_status"] else []
    return Answer({"compliance": items, "meta": {"key": "compliance"}})
