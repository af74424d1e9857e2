"""What providers call: ``/webhooks/<provider>/<connection key>``. No session, no template, no parsing."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from integrations import registry
from integrations.services import connecting, intake
from integrations.webhook_door import headers_of
from project.tenancy.access import public_view
from project.tenancy.middleware import client_address

_PLAIN = "text/plain; charset=utf-8"


@csrf_exempt
@public_view("providers call it; calls are verified by the connection's secret")
def receive(request: HttpRequest, provider: str, connection_key: str) -> HttpResponse:
    """Take in one call. GET and HEAD answer 200 for providers that probe an address before they use it."""
    if request.method in {"GET", "HEAD"}:
        words = registry.answers_with_words(provider)
        return HttpResponse("ready" if words else "", content_type=_PLAIN)
    if request.method != "POST":
        return HttpResponse("use POST", status=405, content_type=_PLAIN, headers={"Allow": "GET, HEAD, POST"})
    answer = intake.receive(
        provider=provider,
        key=connection_key,
        read=lambda limit: _call(request, limit),
        address=lambda: client_address(request) or "",
    )
    return _answered(answer, words=registry.answers_with_words(provider))


@csrf_exempt
@public_view("the provider reports a used sign-in link; it must name an unguessable nonce")
def connected(request: HttpRequest, provider: str, connection_key: str) -> HttpResponse:
    """Take the provider's report that somebody used a sign-in link."""
    if request.method != "POST":
        return HttpResponse("use POST", status=405, content_type=_PLAIN, headers={"Allow": "POST"})
    call = _call(request, settings.WEBHOOK_MAX_BYTES)
    if call.size > settings.WEBHOOK_MAX_BYTES:
        return HttpResponse("too large", status=413, content_type=_PLAIN)
    return _answered(connecting.receive_notice(provider=provider, key=connection_key, body=call.body))


def _answered(answer: intake.Answer, *, words: bool = True) -> HttpResponse:
    headers = {"Retry-After": str(answer.retry_after)} if answer.retry_after else None
    return HttpResponse(
        answer.word if words else "", status=answer.status, content_type=_PLAIN, headers=headers
    )


def _call(request: HttpRequest, limit: int) -> intake.Call:
    """Read the body from the wire, never more than ``limit`` and one byte."""
    body = request.read(limit + 1)
    declared = request.META.get("CONTENT_LENGTH") or ""
    size = max(len(body), int(declared) if declared.isdigit() else 0)
    # Behind a proxy the address that was called is not the one we see: providers sign the one they know.
    url = f"{settings.WEBHOOK_BASE_URL}{request.get_full_path()}"
    return intake.Call(headers=headers_of(request.META), body=body, size=size, url=url)
