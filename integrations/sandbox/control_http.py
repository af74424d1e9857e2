"""Plumbing of the control API: JSON or form bodies in, JSON (or a redirect for the page's buttons) out."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from integrations.sandbox.faults import InvalidFault
from integrations.sandbox.people import InvalidOverride
from integrations.sandbox.settings import InvalidSetting
from integrations.sandbox.world import ControlError, World

Endpoint = Callable[[Request], Awaitable[Response]]


def ok(body: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(json.dumps(body, ensure_ascii=False), status, media_type="application/json")


def _refused(status: int, code: str, message: str) -> Response:
    return ok({"code": code, "message": message, "details": {}}, status)


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object or form of a control call; empty if there is none. Raises ``ControlError`` 400."""
    if is_form(request):
        async with request.form() as form:
            return {name: value for name, value in form.multi_items() if isinstance(value, str)}
    raw = await request.body()
    try:
        body = json.loads(raw) if raw else {}
    except ValueError as error:
        raise ControlError(400, "malformed", "the body is not JSON") from error
    if not isinstance(body, dict):
        raise ControlError(400, "malformed", "the body must be a JSON object")
    return body


def is_form(request: Request) -> bool:
    """Whether the call comes from a button of the page."""
    return request.headers.get("content-type", "").startswith(
        ("application/x-www-form-urlencoded", "multipart/form-data")
    )


def controlled(world: World, endpoint: Endpoint) -> Endpoint:
    """Turn refusals into ``{code, message, details}`` and let the world look what is due afterwards.

    A browser's call from another site is refused, so that no web page can drive a sandbox on the loopback.
    """

    async def guarded(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin and urlsplit(origin).netloc != request.headers.get("host"):
            return _refused(403, "forbidden", "calls from other sites are refused")
        try:
            response = await endpoint(request)
        except ControlError as error:
            return _refused(error.status, error.code, error.message)
        except (InvalidFault, InvalidOverride, InvalidSetting) as error:
            return _refused(400, "invalid", str(error))
        finally:
            world.wake.set()
        if is_form(request) and response.status_code < 300:
            return RedirectResponse("/_sandbox/", 303)
        return response

    return guarded
