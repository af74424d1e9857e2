"""Twilio's objects as JSON, its error envelope, its signature and its count of segments."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from integrations.sandbox.faults import Fault
from integrations.sandbox.gateway import Answer, Refusal
from integrations.sandbox.store import Row
from integrations.sandbox.twilio.state import ACCOUNT_SID

VERSION = "2010-04-01"
ROOT = f"/{VERSION}/Accounts/{ACCOUNT_SID}"

#: Code -> (status, message).
ERRORS: dict[str, tuple[int, str]] = {
    "20003": (401, "Authenticate"),
    "20404": (404, "The requested resource was not found"),
    "20429": (429, "Too Many Requests"),
    "21211": (400, "Invalid 'To' Phone Number"),
    "21212": (400, "Invalid 'From' Phone Number"),
    "21408": (400, "Permission to send an SMS has not been enabled for the region"),
    "21602": (400, "Message body is required."),
    "21606": (400, "The 'From' phone number is not a valid, SMS-capable number of this account"),
    "21610": (400, "Attempt to send to unsubscribed recipient"),
    "21612": (400, "The 'To' phone number cannot be reached from this 'From' number"),
    "21614": (400, "'To' number is not a valid mobile number"),
    "21617": (400, "The concatenated message body exceeds the 1600 character limit"),
    "21703": (400, "The Messaging Service does not have a phone number available to send a message"),
}
_BY_STATUS = {401: "20003", 404: "20404", 429: "20429"}


def _envelope(code: str, status: int, message: str) -> Answer:
    body = {
        "code": int(code) if code.isdigit() else status,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return Answer(body, status)


def refusal(code: str, message: str = "") -> Refusal:
    """The exception that answers with an error code; one set by hand for a person answers 400."""
    status, usual = ERRORS.get(code, (400, f"Error {code}"))
    return Refusal(_envelope(code, status, message or usual))


def fault_answer(fault: Fault, path: str) -> Answer:
    """The error that an injected ``status`` fault answers; its ``type`` is a code."""
    code = fault.type or _BY_STATUS.get(fault.status, "20500")
    answer = _envelope(code, fault.status, fault.detail or ERRORS.get(code, (0, "Service unavailable"))[1])
    if fault.retry_after:
        return Answer(answer.body, answer.status, {"Retry-After": fault.retry_after})
    return answer


def _rfc_date(iso: str | None) -> str | None:
    return format_datetime(datetime.fromisoformat(iso)) if iso else None


def message(row: Row) -> dict[str, Any]:
    """A message as the API shows it. With a service, the number and the segments are filled in later."""
    inbound = row["direction"] == "inbound"
    early = bool(row["service_sid"]) and row["status"] == "accepted"
    ours = None if early else row["ours"]
    uri = f"{ROOT}/Messages/{row['sid']}"
    return {
        "sid": row["sid"],
        "account_sid": ACCOUNT_SID,
        "messaging_service_sid": row["service_sid"] or None,
        "to": ours if inbound else row["theirs"],
        "from": row["theirs"] if inbound else ours,
        "body": row["body"],
        "status": row["status"],
        "direction": row["direction"],
        "num_segments": "0" if early else str(row["segments"]),
        "num_media": str(len(json.loads(row["media"]))),
        "price": None,
        "price_unit": None,
        "error_code": row["error_code"],
        "error_message": None,
        "date_created": _rfc_date(row["created_at"]),
        "date_sent": _rfc_date(row["sent_at"]),
        "date_updated": _rfc_date(row["sent_at"] or row["created_at"]),
        "api_version": VERSION,
        "uri": f"{uri}.json",
        "subresource_uris": {"media": f"{uri}/Media.json"},
    }


def number(row: Row) -> dict[str, Any]:
    """A rented number."""
    return {
        "sid": row["sid"],
        "account_sid": ACCOUNT_SID,
        "phone_number": row["number"],
        "friendly_name": row["name"],
        "capabilities": {"voice": True, "sms": bool(row["sms"]), "mms": bool(row["sms"])},
        "sms_url": row["sms_url"],
        "sms_method": "POST",
        "status": "in-use",
        "date_created": _rfc_date(row["created_at"]),
        "uri": f"{ROOT}/IncomingPhoneNumbers/{row['sid']}.json",
    }


def service(row: Row) -> dict[str, Any]:
    """A messaging service (API v1: ISO 8601 times)."""
    return {
        "sid": row["sid"],
        "account_sid": ACCOUNT_SID,
        "friendly_name": row["name"],
        "inbound_request_url": row["inbound_url"] or None,
        "inbound_method": "POST",
        "use_inbound_webhook_on_number": False,
        "usecase": "marketing",
        "date_created": row["created_at"],
    }


def campaign(row: Row) -> dict[str, Any]:
    """The A2P campaign of a service."""
    return {
        "sid": "QE2c6890da8086d771620e9b13fadeba0b",
        "account_sid": ACCOUNT_SID,
        "messaging_service_sid": row["sid"],
        "brand_registration_sid": row["brand"],
        "campaign_id": "CSANDBX",
        "campaign_status": row["campaign_status"],
        "us_app_to_person_usecase": "MARKETING",
        "date_created": row["created_at"],
    }


_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("^{}\\[~]|€\f")


def segments(text: str) -> int:
    """How many parts a text is sent in (docs/providers/twilio.md)."""
    if all(letter in _GSM or letter in _GSM_EXTENDED for letter in text):
        units, single, part = sum(2 if letter in _GSM_EXTENDED else 1 for letter in text), 160, 153
    else:
        units, single, part = len(text.encode("utf-16-le", "surrogatepass")) // 2, 70, 67
    return 1 if units <= single else math.ceil(units / part)


def sign(url: str, fields: Mapping[str, str], token: str) -> str:
    """The ``X-Twilio-Signature`` of a form call: HMAC-SHA1 over the address and the sorted fields."""
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
