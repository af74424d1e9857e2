"""Smartlead joins the sandbox."""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, Route

from integrations.sandbox.gateway import Answer, Call, Gateway, Handler, Refusal
from integrations.sandbox.runs import control, engine, state
from integrations.sandbox.smartlead import calls, shapes
from integrations.sandbox.smartlead.shapes import P
from integrations.sandbox.world import Provider, World

_C = "/campaigns/{campaign}"
_L = f"{_C}/leads/{{lead}}"

#: (method, path, handler).
_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/campaigns", calls.list_campaigns),
    ("GET", "/campaigns/", calls.list_campaigns),
    ("POST", "/campaigns/create", calls.create_campaign),
    ("GET", _C, calls.get_campaign),
    ("POST", f"{_C}/status", calls.set_status),
    ("POST", f"{_C}/settings", calls.settings),
    ("POST", f"{_C}/schedule", calls.schedule),
    ("GET", f"{_C}/sequences", calls.get_sequences),
    ("POST", f"{_C}/sequences", calls.save_sequences),
    ("GET", f"{_C}/email-accounts", calls.campaign_accounts),
    ("POST", f"{_C}/email-accounts", calls.change_accounts),
    ("DELETE", f"{_C}/email-accounts", calls.change_accounts),
    ("GET", f"{_C}/leads", calls.list_leads),
    ("POST", f"{_C}/leads", calls.add_leads),
    ("DELETE", _L, calls.delete_lead),
    ("POST", f"{_L}/pause", calls.pause_lead),
    ("POST", f"{_L}/resume", calls.resume_lead),
    ("POST", f"{_L}/unsubscribe", calls.unsubscribe_lead),
    ("POST", f"{_L}/category", calls.set_category),
    ("GET", f"{_L}/message-history", calls.message_history),
    ("POST", f"{_C}/reply-email-thread", calls.reply),
    ("GET", f"{_C}/analytics", calls.analytics),
    ("GET", f"{_C}/webhooks", calls.list_hooks),
    ("POST", f"{_C}/webhooks", calls.save_hook),
    ("DELETE", f"{_C}/webhooks", calls.delete_hook),
    ("GET", "/leads/fetch-categories", calls.categories),
    ("POST", "/master-inbox/inbox-replies", calls.inbox),
    ("GET", "/email-accounts/", calls.list_accounts),
)


def _unknown(world: World, call: Call) -> Answer:
    page = f"<pre>Cannot {call.method} /api/v1{call.path}</pre>".encode()
    raise Refusal(Answer(status=404, content=page, media_type="text/html"))


def _routes(world: World) -> list[BaseRoute]:
    gateway = Gateway(world, P, f"/{P}", calls.authenticate, shapes.fault_answer)
    found: list[BaseRoute] = [
        Route(path, gateway.endpoint(handler), methods=[method]) for method, path, handler in _ROUTES
    ]
    unknown = gateway.endpoint(_unknown)
    found.append(Route("/{rest:path}", unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]))
    return [Mount(f"/{P}", routes=found)]


def seed(world: World, name: str) -> None:
    """The mailboxes of a new world."""
    if name == "demo":
        state.add_account(world, P, "ana@try-northwind.example", "Ana Ruiz")
        state.add_account(world, P, "ben@try-northwind.example", "Ben Okafor")


SMARTLEAD = Provider(
    name=P,
    schema=state.SCHEMA,
    tables=state.TABLES,
    routes=_routes,
    control_routes=control.routes(P),
    agenda=engine.agenda_of(P),
    actions=control.actions(P),
    variants=shapes.VARIANTS,
    summary=control.summary(P),
    person_summary=control.person_summary(P),
    active_people=control.active_people(P),
    seed=seed,
    channel="email",
    last_contact=control.last_contact(P),
)
