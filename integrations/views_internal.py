"""What a scheduler outside may ask for: reconciliations of everything. It proves itself by a secret."""

from __future__ import annotations

import hmac
import json
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from integrations.services import reconciliation
from project.core import quotas
from project.core.refusals import BadRequest, NotSignedIn, Refused, TooMany
from project.tenancy.access import public_view
from project.tenancy.middleware import client_address

_MAX_BODY = 4096


@csrf_exempt
@public_view("an outside scheduler calls it; it must know the installation's secret")
def run_scheduled(request: HttpRequest) -> JsonResponse:
    """Ask for a reconciliation of every connection: ``{"mode": "apply" | "dry_run"}``, ``apply`` if nothing is said.

    404 where no secret is set, 405 for other methods, 429 beyond ten calls a minute (good or bad), 401 for a wrong one.
    """
    secret = settings.SCHEDULER_SECRET
    if not secret:
        raise Http404
    if request.method != "POST":
        return JsonResponse(
            {"code": "METHOD_NOT_ALLOWED", "message": "Use POST.", "details": {}},
            status=405,
            headers={"Allow": "POST"},
        )
    try:
        _check(request, secret)
        told = reconciliation.request_everywhere(mode=_mode(request))
    except Refused as error:
        body = {"code": error.code, "message": error.message, "details": error.details}
        headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooMany) else None
        return JsonResponse(body, status=error.status, headers=headers)
    return JsonResponse(told, status=202)


def _check(request: HttpRequest, secret: str) -> None:
    # Counted before the secret is looked at: guessing is as slow as calling.
    quota = quotas.spend(f"scheduler:{client_address(request)}", limit=settings.SCHEDULER_CALLS_PER_MINUTE)
    if quota.exceeded:
        raise TooMany("Too many calls in this minute.", retry_after=max(1, quota.reset))
    given = request.headers.get("X-Scheduler-Secret", "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode()):
        raise NotSignedIn("The header X-Scheduler-Secret is missing or wrong.")


def _mode(request: HttpRequest) -> str:
    body = request.read(_MAX_BODY + 1)
    if not body.strip():
        return "apply"
    try:
        told: Any = json.loads(body[:_MAX_BODY])
    except ValueError as error:
        raise BadRequest("The body is not JSON.") from error
    if not isinstance(told, dict):
        raise BadRequest("The body is not a JSON object.")
    return str(told.get("mode", "apply"))
