"""The numbers and messaging services of an account, with what is known of their registration for A2P messaging.

Facts: docs/providers/twilio.md, sections 1 and 7. The API of services is optional: an account without the right to
read it still has its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.twilio import parse
from integrations.providers.twilio.client import TwilioClient, segment
from integrations.providers.twilio.fields import PROVIDER, objects, text
from integrations.providers.twilio.inbound import is_service
from integrations.values import Account, Page, Raw

_MAX_SERVICES: Final = 20
_MAX_PAGES: Final = 20
_PAGE: Final = "100"


@dataclass(frozen=True, slots=True)
class Service:
    """A messaging service, the numbers in it, and what our rows keep of it."""

    raw: Raw
    numbers: frozenset[str]
    options: dict[str, str]


def services(client: TwilioClient) -> tuple[Service, ...]:
    """Return the messaging services; none where these credentials may not read them."""
    try:
        raw = client.get_service("/v1/Services", [("PageSize", str(_MAX_SERVICES))])
        return tuple(_service(client, item) for item in objects(raw.get("services"))[:_MAX_SERVICES])
    except ProviderError as error:
        if error.transient or error.kind is ErrorKind.CONFIG:
            raise
        return ()


def _service(client: TwilioClient, raw: Raw) -> Service:
    sid = text(raw, "sid")
    listed = client.get_service(f"/v1/Services/{segment(sid)}/PhoneNumbers", [("PageSize", _PAGE)])
    numbers = frozenset(text(item, "phone_number") for item in objects(listed.get("phone_numbers")))
    return Service(raw, numbers, {"messaging_service_sid": sid, **_registration(client, sid)})


def _registration(client: TwilioClient, sid: str) -> dict[str, str]:
    """Return how the service's A2P campaign stands; ``unregistered`` if it has none."""
    try:
        raw = client.get_service(f"/v1/Services/{segment(sid)}/Compliance/Usa2p", [("PageSize", "1")])
    except ProviderError as error:
        if error.transient:
            raise
        return {}
    found = objects(raw.get("compliance"))
    if not found:
        return {"a2p_status": "unregistered"}
    campaign = found[0]
    values = {
        "a2p_status": parse.a2p_status(text(campaign, "campaign_status")),
        "a2p_campaign": text(campaign, "campaign_id", "sid"),
        "a2p_brand": text(campaign, "brand_registration_sid"),
        "a2p_use_case": text(campaign, "us_app_to_person_usecase"),
    }
    return {name: value for name, value in values.items() if value}


def listing(client: TwilioClient) -> Page[Account]:
    """Return all numbers, then the services that have numbers to choose from."""
    known = services(client)
    found = [
        parse.number(raw, _options(text(raw, "phone_number"), known))
        for page in client.pages(
            "/IncomingPhoneNumbers.json", "incoming_phone_numbers", [("PageSize", _PAGE)], most=_MAX_PAGES
        )
        for raw in page
        if text(raw, "phone_number")
    ]
    found += [parse.service(item.raw, item.options) for item in known if item.numbers]
    return Page[Account](items=tuple(found))


def one(client: TwilioClient, account_id: str) -> Account:
    """Return a number or a service. Kind ``not_found`` if the account does not have it (any more)."""
    if is_service(account_id):
        raw = client.get_service(f"/v1/Services/{segment(account_id)}")
        return parse.service(raw, {"messaging_service_sid": account_id, **_registration(client, account_id)})
    raw = number_record(client, account_id)
    return parse.number(raw, _options(account_id, services(client)))


def number_record(client: TwilioClient, number: str) -> Raw:
    """Return Twilio's record of a number of ours. Kind ``not_found`` if there is none."""
    raw = client.get("/IncomingPhoneNumbers.json", [("PhoneNumber", number)])
    for item in objects(raw.get("incoming_phone_numbers")):
        if text(item, "phone_number") == number:
            return item
    raise ProviderError(
        ErrorKind.NOT_FOUND, f"The Twilio account does not have the number {number}.", provider=PROVIDER
    )


def _options(number: str, known: tuple[Service, ...]) -> dict[str, str]:
    return next((item.options for item in known if number in item.numbers), {})


def route_inbound(client: TwilioClient, account_id: str, url: str) -> None:
    """Make Twilio bring to ``url`` what is written to a number or service of ours.

    A number in a service is ruled by the service, unless that leaves inbound messages to its numbers.
    """
    service_sid = account_id
    if not is_service(account_id):
        record = number_record(client, account_id)
        client.post(
            f"/IncomingPhoneNumbers/{segment(text(record, 'sid'))}.json",
            [("SmsUrl", url), ("SmsMethod", "POST")],
        )
        service_sid = _options(account_id, services(client)).get("messaging_service_sid", "")
    if service_sid:
        client.post_service(
            f"/v1/Services/{segment(service_sid)}", [("InboundRequestUrl", url), ("InboundMethod", "POST")]
        )
