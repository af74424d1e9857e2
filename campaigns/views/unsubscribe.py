"""``/u/<token>``: the page behind every unsubscribe link, and the one-click address of RFC 8058."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns.models import UnsubscribeLink
from campaigns.services import unsubscribes
from project.tenancy.access import public_view


@csrf_exempt  # mail providers post without a cookie; the token is the right to do it
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@public_view("whoever holds the link of a message may leave, without signing in")
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Show where one stands (GET changes nothing: scanners follow links), or act (POST, no redirect, idempotent)."""
    link = unsubscribes.find(token)
    if link is None:
        return render(request, "campaigns/unsubscribe_unknown.html", status=404)
    if request.method != "POST":
        return _page(request, link, is_out=unsubscribes.stands(link))
    if request.POST.get("act") == "resubscribe":
        may_write = unsubscribes.undo(link)
        return _page(request, link, is_out=not may_write, back=True)
    if request.POST.get("act") == "unsubscribe":
        unsubscribes.use(link, how=unsubscribes.How.LINK)
        return _page(request, link, is_out=True, done=True)
    # One-click: ``List-Unsubscribe=One-Click`` as a form of either kind. Whatever else is posted means the same.
    unsubscribes.use(link, how=unsubscribes.How.ONE_CLICK)
    return HttpResponse("Unsubscribed.\n", content_type="text/plain; charset=utf-8")


def _page(
    request: HttpRequest, link: UnsubscribeLink, *, is_out: bool, done: bool = False, back: bool = False
) -> HttpResponse:
    is_erased = unsubscribes.is_erased(link)
    context = {
        "link": link,
        "is_out": is_out,
        "done": done,
        "back": back and not is_erased,
        "may_return": not (back or is_erased),
        "address": "you" if is_erased else _masked(link.value),
    }
    response = render(request, "campaigns/unsubscribe.html", context)
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _masked(value: str) -> str:
    """An address that its owner recognises and whoever got hold of the link does not learn."""
    name, at, domain = value.partition("@")
    if at:
        return f"{name[:1]}…@{domain}"
    return f"…{value[-3:]}"
