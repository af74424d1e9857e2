"""Unipile as the sandbox mounts it: ``/unipile/api/v1/...`` and its hosted sign-in pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from integrations.sandbox.gateway import Answer, Call, Gateway, Handler
from integrations.sandbox.unipile import (
    access,
    accounts,
    chats,
    control,
    hooks,
    hosted,
    messages,
    prospects,
    search,
    seats,
    state,
    users,
)
from integrations.sandbox.unipile.actions import ACTIONS
from integrations.sandbox.unipile.errors import fault_answer, refusal
from integrations.sandbox.unipile.variants import VARIANTS
from integrations.sandbox.world import Provider, World

#: (method, path below ``/api/v1``, handler); fixed paths stand before those with parameters.
_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/accounts", accounts.list_accounts),
    ("POST", "/accounts", accounts.create_account),
    ("POST", "/accounts/checkpoint", accounts.solve_checkpoint),
    ("POST", "/accounts/checkpoint/resend", accounts.resend_checkpoint),
    ("POST", "/hosted/accounts/link", accounts.link_account),
    ("GET", "/accounts/{account_id}", accounts.get_account),
    ("POST", "/accounts/{account_id}", accounts.reconnect_account),
    ("DELETE", "/accounts/{account_id}", accounts.delete_account),
    ("POST", "/accounts/{account_id}/restart", accounts.restart_account),
    ("GET", "/accounts/{account_id}/sync", accounts.sync_account),
    ("GET", "/users/me", users.me),
    ("GET", "/users/relations", users.relations),
    ("POST", "/users/invite", users.invite),
    ("GET", "/users/invite/sent", users.sent),
    ("DELETE", "/users/invite/sent/{invitation_id}", users.withdraw),
    ("GET", "/users/invite/received", users.received),
    ("POST", "/users/invite/received/{invitation_id}", users.answer),
    ("GET", "/users/{identifier}", users.profile),
    ("GET", "/chats", chats.list_chats),
    ("POST", "/chats", chats.start_chat),
    ("GET", "/chats/{chat_id}", chats.get_chat),
    ("PATCH", "/chats/{chat_id}", chats.patch_chat),
    ("GET", "/chats/{chat_id}/sync", chats.sync_chat),
    ("GET", "/chats/{chat_id}/attendees", chats.chat_attendees),
    ("GET", "/chats/{chat_id}/messages", chats.chat_messages),
    ("POST", "/chats/{chat_id}/messages", messages.send_message),
    ("GET", "/messages", messages.list_messages),
    ("GET", "/messages/{message_id}", messages.get_message),
    ("PATCH", "/messages/{message_id}", messages.edit_message),
    ("DELETE", "/messages/{message_id}", messages.delete_message),
    ("GET", "/messages/{message_id}/attachments/{attachment_id}", messages.get_attachment),
    ("GET", "/chat_attendees", chats.list_attendees),
    ("GET", "/chat_attendees/{attendee_id}", chats.get_attendee),
    ("GET", "/chat_attendees/{attendee_id}/chats", chats.attendee_chats),
    ("GET", "/chat_attendees/{attendee_id}/messages", chats.attendee_messages),
    ("POST", "/webhooks", hooks.create),
    ("GET", "/webhooks", hooks.list_webhooks),
    ("DELETE", "/webhooks/{webhook_id}", hooks.delete),
    ("POST", "/linkedin/search", search.search),
    ("GET", "/linkedin/search/parameters", search.parameters),
    ("GET", "/linkedin/inmail_balance", search.inmail_balance),
)  # fmt: skip

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def _routes(world: World) -> list[BaseRoute]:
    gateway = Gateway(world, "unipile", "/unipile", access.authenticate, fault_answer)
    table: dict[str, dict[str, Handler]] = {}
    for method, path, handler in _ROUTES:
        table.setdefault(path, {})[method] = handler
    api: list[BaseRoute] = []
    for path, by_method in table.items():
        endpoint = gateway.endpoint(_dispatch(by_method))
        # Some clients end the address with a slash; a redirect would cost them their body.
        api += [Route(path + end, endpoint, methods=_METHODS) for end in ("", "/")]
    api.append(Route("/{rest:path}", gateway.endpoint(_unknown), methods=_METHODS))
    pages: list[BaseRoute] = [
        Route("/hosted/{token}", _page(world, hosted.show), methods=["GET"]),
        Route("/hosted/{token}", _form(world), methods=["POST"]),
    ]
    return [Mount("/unipile", routes=[Mount("/api/v1", routes=api), *pages])]


def _dispatch(by_method: dict[str, Handler]) -> Handler:
    def handle(world: World, call: Call) -> Answer:
        return by_method.get(call.method, _unknown)(world, call)

    return handle


def _unknown(world: World, call: Call) -> Answer:
    raise refusal("resource_not_found", call.path, f"Cannot {call.method} {call.path}")


def _page(
    world: World, show: Callable[[World, Request], Response]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return show(world, request)

    return endpoint


def _form(world: World) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await hosted.decide(world, request)

    return endpoint


UNIPILE = Provider(
    name="unipile",
    schema=state.SCHEMA,
    tables=state.TABLES,
    routes=_routes,
    control_routes=control.routes,
    agenda=prospects.AGENDA,
    actions=ACTIONS,
    variants=VARIANTS,
    summary=control.summary,
    person_summary=prospects.summary,
    active_people=prospects.active_people,
    seed=seats.seed,
)
