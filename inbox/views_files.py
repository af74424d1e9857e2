"""Bytes that strangers sent: files, mail as it was made, and the pictures that it names elsewhere.

Everything here answers with a policy of its own that lets a browser do nothing but show or save: it is hostile.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote
from uuid import UUID

import structlog
from django.core import signing
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from campaigns.rendering.mail import to_html
from inbox import mail_html, querysets
from inbox.file_types import DOWNLOAD, shown_type
from inbox.models import Message, MessageFile
from inbox.services import files, images
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view

log = structlog.get_logger(__name__)

_SALT: Final = "inbox.picture"
#: Nothing may load, run, be framed elsewhere or be taken for another type.
_LOCKED: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'self'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: The mail's own frame: still without scripts and forms; ``allow-same-origin`` lets the page measure its height.
_FRAME: Final = {
    **_LOCKED,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'; "
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox",
    "X-Frame-Options": "SAMEORIGIN",
    "Cache-Control": "private, max-age=300",
}


@require_GET
@organization_view(Permission.INBOX_VIEW)
def file(request: OrganizationRequest, file_id: UUID) -> HttpResponse:
    """A file of a message: to save, or with ``show=1`` to look at, where its own bytes prove that it is harmless."""
    rows = querysets.files(request.access).select_related("message__conversation__sender__connection")
    found: MessageFile = get_or_404(rows, file_id)
    try:
        shown = files.load(file=found)
    except Refused as error:
        return HttpResponse(error.message, status=error.status, content_type="text/plain; charset=utf-8")
    is_shown = bool(request.GET.get("show")) and bool(shown.shown_as)
    response = HttpResponse(
        shown.data, content_type=shown.shown_as if is_shown else DOWNLOAD, headers=_LOCKED
    )
    if is_shown and shown.shown_as == "application/pdf":
        # Browsers show no PDF inside a sandbox; their viewer runs nothing of ours.
        response["Content-Security-Policy"] = (
            "default-src 'none'; object-src 'self'; plugin-types application/pdf"
        )
    response["Content-Disposition"] = _disposition("inline" if is_shown else "attachment", shown.name)
    response["Cache-Control"] = "private, max-age=3600"
    return response


def _disposition(kind: str, name: str) -> str:
    plain = name.encode("ascii", "replace").decode().replace('"', "_").replace("\\", "_")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


@require_GET
@organization_view(Permission.INBOX_VIEW)
def body(request: OrganizationRequest, message_id: UUID) -> HttpResponse:
    """A mail as it was made, for the sandboxed frame. Pictures elsewhere are left out unless ``images=1``."""
    rows = Message.objects.filter(request.access.client_filter("conversation__client_id"))
    message: Message = get_or_404(rows, message_id)
    if not message.html or message.deleted_at is not None:
        text = "" if message.deleted_at is not None else to_html(message.body)
        return HttpResponse(mail_html.document(text, picture=lambda address: ""), headers=_FRAME)
    slug = request.organization.slug
    inline = {
        content_id: reverse("inbox:file", kwargs={"organization_slug": slug, "file_id": file_id}) + "?show=1"
        for content_id, file_id in MessageFile.objects.filter(message=message)
        .exclude(content_id="")
        .values_list("content_id", "id")
    }
    proxy = reverse("inbox:picture", kwargs={"organization_slug": slug})
    with_images = bool(request.GET.get("images"))

    def picture(address: str) -> str:
        if address.lower().startswith("cid:"):
            return inline.get(address[4:].strip("<>"), "")
        if not with_images:
            return ""
        return f"{proxy}?u={quote(signing.dumps([slug, address], salt=_SALT, compress=True))}"

    return HttpResponse(mail_html.document(message.html, picture=picture), headers=_FRAME)


@require_GET
@organization_view(Permission.INBOX_VIEW)
def picture(request: OrganizationRequest) -> HttpResponse:
    """A picture that a mail names, fetched by us: its sender sees neither who looks nor from where.

    Only addresses that ``body`` has signed are fetched, so that this is no proxy for anything else.
    """
    try:
        slug, address = signing.loads(request.GET.get("u", ""), salt=_SALT, max_age=24 * 3600)
    except (signing.BadSignature, ValueError, TypeError) as error:
        log.info("inbox.picture_refused", reason=type(error).__name__)
        return HttpResponse(
            "This is no picture of a mail.", status=400, content_type="text/plain; charset=utf-8"
        )
    if slug != request.organization.slug:
        raise Http404("There is no such picture.")
    data = images.fetch(address)
    kind = shown_type(data) if data else ""
    if not kind.startswith("image/"):
        raise Http404("There is no picture there.")
    return HttpResponse(
        data, content_type=kind, headers={**_LOCKED, "Cache-Control": "private, max-age=86400"}
    )
