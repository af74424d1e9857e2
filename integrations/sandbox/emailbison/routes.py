"""EmailBison joins the sandbox."""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, Route

from integrations.sandbox.emailbison import calls, shapes
from integrations.sandbox.emailbison.shapes import P
from integrations.sandbox.gateway import Answer, Call, Gateway, Handler, Refusal
from integrations.sandbox.runs import control, engine, state
from integrations.sandbox.world import Provider, World

_C = "/api/campaigns/{campaign:int}"

#: (method, path, handler).
_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/api/users", calls.users),
    ("GET", "/api/campaigns", calls.list_campaigns),
    ("POST", "/api/campaigns", calls.create_campaign),
    ("DELETE", "/api/campaigns/sequence-steps/{step}", calls.delete_step),
    ("POST", "/api/campaigns/v1.1/{campaign:int}/sequence-steps", calls.add_steps),
    ("GET", _C, calls.get_campaign),
    ("PATCH", f"{_C}/update", calls.update_campaign),
    ("GET", f"{_C}/schedule", calls.get_schedule),
    ("POST", f"{_C}/schedule", calls.set_schedule),
    ("PUT", f"{_C}/schedule", calls.set_schedule),
    ("GET", f"{_C}/sequence-steps", calls.get_steps),
    ("POST", f"{_C}/sequence-steps", calls.add_steps),
    ("GET", f"{_C}/sender-emails", calls.campaign_accounts),
    ("POST", f"{_C}/attach-sender-emails", calls.change_accounts),
    ("DELETE", f"{_C}/remove-sender-emails", calls.change_accounts),
    ("GET", f"{_C}/leads", calls.list_leads),
    ("POST", f"{_C}/leads/attach-leads", calls.attach_leads),
    ("POST", f"{_C}/leads/stop-future-emails", calls.stop_leads),
    ("PATCH", f"{_C}/{{verb}}", calls.turn),
    ("GET", "/api/custom-variables", calls.list_variables),
    ("POST", "/api/custom-variables", calls.add_variable),
    ("POST", "/api/leads/create-or-update/multiple", calls.write_leads),
    ("GET", "/api/leads/{lead}", calls.get_lead),
    ("GET", "/api/leads/{lead}/sent-emails", calls.sent_emails),
    ("GET", "/api/leads/{lead}/replies", calls.lead_replies),
    ("GET", "/api/replies", calls.replies),
    ("POST", "/api/replies/{reply}/reply", calls.answer),
    ("GET", "/api/sender-emails", calls.list_accounts),
    ("GET", "/api/sender-emails/{account}", calls.get_account),
    ("GET", "/api/webhook-url", calls.list_hooks),
    ("POST", "/api/webhook-url", calls.add_hook),
    ("DELETE", "/api/webhook-url/{hook}", calls.delete_hook),
)


def _unknown(world: World, call: Call) -> Answer:
    raise Refusal(Answer({"message": f"The route {call.path.lstrip('/')} could not be found."}, 404))


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
        state.add_account(world, P, "cleo@hello-fjordline.example", "Cleo Marsh")
        state.add_account(world, P, "dag@hello-fjordline.example", "Dag Lund")


EMAILBISON = Provider(
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
