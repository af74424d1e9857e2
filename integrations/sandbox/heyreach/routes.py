"""HeyReach joins the sandbox."""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, Route

from integrations.sandbox.gateway import Answer, Call, Gateway, Handler, Refusal
from integrations.sandbox.heyreach import calls, shapes
from integrations.sandbox.heyreach.shapes import P
from integrations.sandbox.runs import control, engine, state
from integrations.sandbox.world import Provider, World

#: (method, path, handler).
_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/auth/CheckApiKey", calls.check_key),
    ("POST", "/li_account/GetAll", calls.list_accounts),
    ("GET", "/li_account/GetById", calls.get_account),
    ("POST", "/campaign/GetAll", calls.list_campaigns),
    ("GET", "/campaign/GetById", calls.get_campaign),
    ("POST", "/campaign/Create", calls.create_campaign),
    ("POST", "/campaign/UpdateSettings", calls.update_settings),
    ("POST", "/campaign/UpdateSchedule", calls.update_schedule),
    ("POST", "/campaign/UpdateAccounts", calls.update_accounts),
    ("POST", "/campaign/UpdateSequence", calls.update_sequence),
    ("GET", "/campaign/GetCampaignSequence", calls.get_sequence),
    ("POST", "/campaign/StartCampaign", calls.start),
    ("POST", "/campaign/Resume", calls.resume),
    ("POST", "/campaign/Pause", calls.pause),
    ("POST", "/campaign/AddLeadsToCampaignV2", calls.add_to_campaign),
    ("POST", "/campaign/GetLeadsFromCampaign", calls.list_leads),
    ("POST", "/campaign/StopLeadInCampaign", calls.stop_lead),
    ("POST", "/list/CreateEmptyList", calls.create_list),
    ("POST", "/list/AddLeadsToListV2", calls.add_to_list),
    ("POST", "/inbox/GetConversationsV2", calls.conversations),
    ("POST", "/inbox/SendMessage", calls.send_message),
    ("POST", "/stats/GetOverallStats", calls.statistics),
    ("POST", "/webhooks/CreateWebhook", calls.create_hook),
    ("POST", "/webhooks/GetAllWebhooks", calls.list_hooks),
    ("DELETE", "/webhooks/DeleteWebhook", calls.delete_hook),
)


def _unknown(world: World, call: Call) -> Answer:
    wrong_verb = any(path == call.path for _, path, _ in _ROUTES)
    raise Refusal(Answer(content=b"", status=405 if wrong_verb else 404))


def _routes(world: World) -> list[BaseRoute]:
    gateway = Gateway(world, P, f"/{P}", calls.authenticate, shapes.fault_answer)
    found: list[BaseRoute] = [
        Route(path, gateway.endpoint(handler), methods=[method]) for method, path, handler in _ROUTES
    ]
    unknown = gateway.endpoint(_unknown)
    found.append(Route("/{rest:path}", unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]))
    return [Mount(f"/{P}", routes=found)]


def seed(world: World, name: str) -> None:
    """The seats of a new world."""
    if name == "demo":
        state.add_account(world, P, "ines@fjordline.example", "Ines Faber")
        state.add_account(world, P, "jonas@fjordline.example", "Jonas Hald")


HEYREACH = Provider(
    name=P,
    schema=state.SCHEMA,
    tables=state.TABLES,
    routes=_routes,
    control_routes=control.routes(P),
    agenda=engine.agenda_of(P),
    actions=control.actions(P, network=True),
    variants=shapes.VARIANTS,
    summary=control.summary(P),
    person_summary=control.person_summary(P, network=True),
    active_people=control.active_people(P),
    seed=seed,
    channel="linkedin",
    last_contact=control.last_contact(P),
)
