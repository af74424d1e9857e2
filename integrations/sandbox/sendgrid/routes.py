"""SendGrid as the sandbox mounts it: ``/sendgrid/v3/...``."""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, Route

from integrations.sandbox.gateway import Answer, Call, Gateway, Handler
from integrations.sandbox.sendgrid import control, events, fates, hooks, lists, sending, state
from integrations.sandbox.sendgrid.actions import ACTIONS
from integrations.sandbox.sendgrid.answers import authenticate, fault_answer, refusal
from integrations.sandbox.world import Provider, World

_EVENT = "/user/webhooks/event/settings"
_PARSE = "/user/webhooks/parse/settings"
#: (method, path below ``/v3``, handler); fixed paths stand before those with parameters.
_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/mail/send", sending.send),
    ("GET", "/scopes", lists.scopes),
    ("GET", "/verified_senders", lists.list_senders),
    ("POST", "/verified_senders", lists.create_sender),
    ("POST", "/verified_senders/resend/{sender_id}", lists.resend),
    ("DELETE", "/verified_senders/{sender_id}", lists.delete_sender),
    ("GET", "/whitelabel/domains", lists.domains),
    ("POST", "/whitelabel/domains", lists.create_domain),
    ("POST", "/whitelabel/domains/{domain_id}/validate", lists.validate_domain),
    ("GET", "/ips/pools", lists.pools),
    ("POST", "/ips/pools", lists.create_pool),
    ("GET", "/suppression/{list}", lists.list_suppressions),
    ("DELETE", "/suppression/{list}/{email}", lists.delete_suppression),
    ("POST", "/asm/suppressions/global", lists.add_global),
    ("GET", "/asm/suppressions/global/{email}", lists.get_global),
    ("DELETE", "/asm/suppressions/global/{email}", lists.delete_global),
    ("POST", "/validations/email", lists.validate),
    ("GET", "/messages", lists.activity),
    ("GET", f"{_EVENT}/all", hooks.list_events),
    ("GET", f"{_EVENT}/signed/{{webhook_id}}", hooks.get_signed),
    ("PATCH", f"{_EVENT}/signed/{{webhook_id}}", hooks.set_signed),
    ("POST", _EVENT, hooks.create_event),
    ("GET", f"{_EVENT}/{{webhook_id}}", hooks.get_event),
    ("PATCH", f"{_EVENT}/{{webhook_id}}", hooks.change_event),
    ("DELETE", f"{_EVENT}/{{webhook_id}}", hooks.delete_event),
    ("POST", "/user/webhooks/event/test", hooks.test_event),
    ("GET", _PARSE, hooks.list_hosts),
    ("POST", _PARSE, hooks.create_host),
    ("GET", f"{_PARSE}/{{hostname}}", hooks.get_host),
    ("PATCH", f"{_PARSE}/{{hostname}}", hooks.change_host),
    ("DELETE", f"{_PARSE}/{{hostname}}", hooks.delete_host),
    ("GET", "/user/webhooks/security/policies", hooks.list_policies),
    ("POST", "/user/webhooks/security/policies", hooks.create_policy),
)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def _routes(world: World) -> list[BaseRoute]:
    gateway = Gateway(world, "sendgrid", "/sendgrid", authenticate, fault_answer)
    table: dict[str, dict[str, Handler]] = {}
    for method, path, handler in _ROUTES:
        table.setdefault(path, {})[method] = handler
    api: list[BaseRoute] = [
        Route(path, gateway.endpoint(_dispatch(by_method)), methods=_METHODS)
        for path, by_method in table.items()
    ]
    api.append(Route("/{rest:path}", gateway.endpoint(_unknown), methods=_METHODS))
    return [Mount("/sendgrid", routes=[Mount("/v3", routes=api)])]


def _dispatch(by_method: dict[str, Handler]) -> Handler:
    def handle(world: World, call: Call) -> Answer:
        return by_method.get(call.method, _unknown)(world, call)

    return handle


def _unknown(world: World, call: Call) -> Answer:
    raise refusal(404, "not found")


SENDGRID = Provider(
    name="sendgrid",
    schema=state.SCHEMA,
    tables=state.TABLES,
    routes=_routes,
    control_routes=control.routes,
    agenda=fates.AGENDA,
    actions=ACTIONS,
    variants=events.VARIANTS,
    summary=control.summary,
    person_summary=control.person_summary,
    active_people=control.active_people,
    seed=control.seed,
    channel="email",
    last_contact=control.last_contact,
)
