"""Health, metrics and error pages."""

from __future__ import annotations

import hmac
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django_prometheus.exports import ExportToDjangoView

from project.core import health


def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether database, Redis, workers and beat are there; 503 with the reasons when one is not."""
    checks = health.readiness()
    ready = all(check.ok for check in checks)
    body = {
        "status": "ok" if ready else "unavailable",
        "checks": {check.name: {"ok": check.ok, "detail": check.detail} for check in checks},
    }
    response = JsonResponse(body, status=200 if ready else 503)
    # Whoever asks wants to know; that it is not ready yet is no error of this request.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus metrics, for whoever presents the bearer token; 404 when no token is configured."""
    if not settings.METRICS_TOKEN:
        return HttpResponse(status=404)
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    exported: HttpResponse = ExportToDjangoView(request)
    return exported


for _view in (healthz, readyz, metrics):
    _view.access_rule = "public: operations, no tenant data"  # type: ignore[attr-defined]


_PLAIN = {
    400: ("BAD_REQUEST", "The request is malformed."),
    403: ("FORBIDDEN", "You may not do this."),
    404: ("NOT_FOUND", "There is nothing here, or it is not yours to see."),
}


def _error(request: HttpRequest, status: int, exception: Any) -> HttpResponse:
    message = str(exception) if exception and not isinstance(exception, dict) else ""
    # Django's 404 exceptions of the URL resolver carry a dict of tried patterns: not for people.
    if exception is not None and exception.args and isinstance(exception.args[0], dict):
        message = ""
    if "application/json" in request.headers.get("Accept", "") or request.path.startswith("/api/"):
        code, plain = _PLAIN[status]
        return JsonResponse({"code": code, "message": message or plain, "details": {}}, status=status)
    return render(request, f"{status}.html", {"message": message}, status=status)


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """The 400 page."""
    return _error(request, 400, None)


def forbidden(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """The 403 page; says which roles may."""
    return _error(request, 403, exception)


def not_found(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """The 404 page."""
    return _error(request, 404, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """The 500 page: needs no context, no database."""
    return render(request, "500.html", status=500)
