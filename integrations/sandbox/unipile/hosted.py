"""The sign-in page behind a hosted-auth link: connects a seat, notifies, redirects."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from integrations.sandbox.clock import iso_ms, utc_now
from integrations.sandbox.deliveries import Outgoing
from integrations.sandbox.people import clean_slug
from integrations.sandbox.unipile import seats, state
from integrations.sandbox.world import World

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:12vh auto;padding:0 1rem;color:#1c2024}}
label{{display:block;margin:1rem 0 .25rem}}input{{font:inherit;width:100%;padding:.5rem;box-sizing:border-box}}
button{{font:inherit;padding:.5rem 1rem;margin:1rem .5rem 0 0;cursor:pointer}}</style></head>
<body><h1>{title}</h1>{body}</body></html>"""


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(title=escape(title), body=body), status)


def _open_link(world: World, token: str) -> dict[str, Any] | None:
    """The link's specification, unless it is unknown, used or expired."""
    row = world.store.one("SELECT * FROM unipile_links WHERE token = ? AND used = 0", token)
    if row is None:
        return None
    spec: dict[str, Any] = json.loads(row["spec"])
    return spec if spec["expiresOn"] > iso_ms(utc_now()) else None


def show(world: World, request: Request) -> Response:
    """``GET /hosted/{token}``: a form to sign in as somebody, or to refuse."""
    spec = _open_link(world, request.path_params["token"])
    if spec is None:
        return _page("This link has expired", "<p>Please ask for a new one.</p>", 401)
    refuse = '<button name="decision" value="fail">Cancel</button>'
    if spec["type"] == "reconnect":
        seat = state.account(world, spec["reconnect_account"])
        who = escape(seat["name"] if seat else "this account")
        return _page(
            "Reconnect LinkedIn",
            f'<form method="post"><p>Sign in again as {who}.</p>'
            f'<button name="decision" value="connect">Reconnect</button>{refuse}</form>',
        )
    return _page(
        "Connect LinkedIn",
        '<form method="post"><label for="name">Name of the LinkedIn member</label>'
        '<input id="name" name="name" value="Sam Seller" required>'
        f'<button name="decision" value="connect">Connect</button>{refuse}</form>',
    )


async def decide(world: World, request: Request) -> Response:
    """``POST /hosted/{token}``: connect or reconnect, call ``notify_url``, go where the link says."""
    form = await request.form()
    token = request.path_params["token"]
    spec = _open_link(world, token)
    if spec is None:
        return _page("This link has expired", "<p>Please ask for a new one.</p>", 401)
    if form.get("decision") != "connect":
        return _leave(spec.get("failure_redirect_url"), "Nothing was connected")
    with world.store.transaction():
        world.store.run("UPDATE unipile_links SET used = 1 WHERE token = ?", token)
        account_id, status = _connect(world, spec, str(form.get("name") or "Sam Seller"))
        if spec.get("notify_url"):
            body = json.dumps({"status": status, "account_id": account_id, "name": spec.get("name")})
            # Nothing authenticates this call in the documentation, so nothing does here.
            world.deliveries.enqueue(
                Outgoing("unipile", "hosted", "hosted_auth", spec["notify_url"],
                         {"Content-Type": "application/json"}, body),
                world.faults.for_webhook("unipile", "hosted_auth"),
            )  # fmt: skip
    world.wake.set()
    return _leave(spec.get("success_redirect_url"), "Connected. You can close this page.")


def _connect(world: World, spec: dict[str, Any], name: str) -> tuple[str, str]:
    if spec["type"] == "reconnect":
        seat = state.account(world, spec["reconnect_account"])
        if seat is not None:
            return seats.reconnect(world, seat)["id"], "RECONNECTED"
    slug = clean_slug("-".join(name.split()))
    first, _, last = name.partition(" ")
    person = world.people.meet(slug)
    if last:
        person = world.people.override(slug, {"first_name": first, "last_name": last})
    seat = seats.connect(world, person, f"{slug}@linkedin.example", features=["premium", "sales_navigator"])
    return seat["id"], "CREATION_SUCCESS"


def _leave(address: str | None, text: str) -> Response:
    if address:
        return RedirectResponse(address, 303)
    return _page(text, "")
