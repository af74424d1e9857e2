"""Twilio as the sandbox mounts it: ``/twilio/2010-04-01/...`` and ``/twilio/v1/...`` (services)."""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, Route

from integrations.sandbox.gateway import Answer, Call, Gateway, Handler
from integrations.sandbox.twilio import calls, control, prospects, state
from integrations.sandbox.twilio.shapes import VERSION, fault_answer, refusal
from integrations.sandbox.twilio.variants import VARIANTS
from integrations.sandbox.world import Provider, World

_ACCOUNT = f"/{VERSION}/Accounts/{{account_sid}}"
_SERVICE = "/v1/Services/{service_sid}"

#: (method, path, handler).
_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", f"{_ACCOUNT}.json", calls.account),
    ("POST", f"{_ACCOUNT}/Messages.json", calls.send),
    ("GET", f"{_ACCOUNT}/Messages.json", calls.list_messages),
    ("GET", f"{_ACCOUNT}/Messages/{{sid}}.json", calls.get_message),
    ("GET", f"{_ACCOUNT}/IncomingPhoneNumbers.json", calls.list_numbers),
    ("POST", f"{_ACCOUNT}/IncomingPhoneNumbers/{{sid}}.json", calls.update_number),
    ("GET", "/v1/Services", calls.list_services),
    ("GET", _SERVICE, calls.get_service),
    ("POST", _SERVICE, calls.update_service),
    ("GET", f"{_SERVICE}/PhoneNumbers", calls.service_numbers),
    ("GET", f"{_SERVICE}/Compliance/Usa2p", calls.service_campaign),
)
_METHODS = ("GET", "POST", "DELETE")


def _unknown(world: World, call: Call) -> Answer:
    raise refusal("20404", f"The requested resource {call.path} was not found")


def _routes(world: World) -> list[BaseRoute]:
    gateway = Gateway(world, "twilio", "/twilio", calls.authenticate, fault_answer)
    found: list[BaseRoute] = [
        Route(path, gateway.endpoint(handler), methods=[method]) for method, path, handler in _ROUTES
    ]
    found.append(Route("/{rest:path}", gateway.endpoint(_unknown), methods=_METHODS))
    return [Mount("/twilio", routes=found)]


TWILIO = Provider(
    name="twilio",
    schema=state.SCHEMA,
    tables=state.TABLES,
    routes=_routes,
    control_routes=control.routes,
    agenda=prospects.AGENDA,
    actions=control.ACTIONS,
    variants=VARIANTS,
    summary=control.summary,
    person_summary=prospects.summary,
    active_people=prospects.active_people,
    seed=state.seed,
    channel="sms",
    last_contact=prospects.last_contact,
)
