"""HTMX helpers: one predicate for partial requests and one way to answer with several fragments."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def is_partial(request: HttpRequest) -> bool:
    """Say whether only a fragment is wanted: an HTMX request that is neither boosted nor a history restore."""
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def render_parts(
    request: HttpRequest,
    *parts: tuple[str, dict[str, Any]],
    status: int = 200,
    events: dict[str, Any] | None = None,
) -> HttpResponse:
    """Render several templates into one response: the first is the target, the others are out-of-band parts.

    ``events`` become ``HX-Trigger`` events on the client.
    """
    body = "\n".join(render_to_string(template, context, request=request) for template, context in parts)
    response = HttpResponse(body, status=status)
    if events:
        response["HX-Trigger"] = json.dumps(events)
    return response


def redirect_to(url: str, request: HttpRequest) -> HttpResponse:
    """Redirect so that both HTMX and plain requests end on ``url``."""
    if getattr(request, "htmx", None):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponse(status=303, headers={"Location": url})
