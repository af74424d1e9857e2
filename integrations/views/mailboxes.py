"""Mailboxes as senders: adding one, and changing or trying out its servers."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from integrations import selectors
from integrations.errors import ProviderError
from integrations.models import SenderAccount
from integrations.services import mailboxes as service
from integrations.values import CredentialCheck
from integrations.views.senders import done
from project.core.ids import parse_uuid
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, organization_view

_FIELDS: Final = (
    "client", "address", "name", "password", "reply_to", "signature", "time_zone", *service.SERVER_FIELDS,
)  # fmt: skip
_ENCRYPTIONS: Final = (("", "By the port"), ("tls", "TLS"), ("starttls", "STARTTLS"))
_ANSWERS: Final = (("", "Not known"), ("yes", "Yes"), ("no", "No"))


def _form(request: OrganizationRequest, status: int = 200, **more: Any) -> HttpResponse:
    typed = {name: request.POST.get(name, "") for name in _FIELDS if name != "password"}
    context = {
        "clients": list(request.access.clients().filter(is_archived=False)),
        "typed": typed,
        "encryptions": _ENCRYPTIONS,
        "answers": _ANSWERS,
        **more,
    }
    return render(request, "integrations/mailbox.html", context, status=status)


@require_http_methods(["GET", "POST"])
@organization_view(Permission.SENDERS_EDIT)
def add(request: OrganizationRequest) -> HttpResponse:
    """Add a mailbox: it is signed in to at once, and says what works."""
    if request.method == "GET":
        return _form(request)
    client = (
        request.access.clients().filter(id=parse_uuid(request.POST.get("client", "")) or UUID(int=0)).first()
    )
    if client is None:
        return _form(request, 422, problem="Choose a client of yours.", problem_field="")
    given = {name: request.POST.get(name, "") for name in _FIELDS}
    try:
        added = service.add(
            client=client,
            wanted=service.Wanted(
                address=given["address"],
                name=given["name"],
                password=given["password"],
                reply_to=given["reply_to"],
                signature=given["signature"],
                time_zone=given["time_zone"],
                servers={name: given[name] for name in service.SERVER_FIELDS},
            ),
            actor=request.access.user,
        )
    except Refused as error:
        return _form(request, error.status, problem=error.message, problem_field=error.field)
    return _shown(request, added.sender, check=added.check)


@require_GET
@organization_view(Permission.SENDERS_EDIT)
def suggest(request: OrganizationRequest) -> HttpResponse:
    """Say which servers an address has, if its provider is a known one."""
    address = request.GET.get("address", "")[:254]
    preset = service.suggested(address) if "@" in address else None
    return render(request, "integrations/_mailbox_preset.html", {"preset": preset, "address": address})


@require_http_methods(["GET", "POST"])
@organization_view(Permission.SENDERS_EDIT)
def change(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Show a mailbox's servers, or store others (or another password) and try them out."""
    sender = _mailbox(request, sender_id)
    if sender is None:
        return done(request, "This sender is not a mailbox of its own.")
    if request.method == "GET":
        return _shown(request, sender)
    servers = {name: request.POST.get(name, "") for name in service.SERVER_FIELDS}
    try:
        check = service.change_servers(
            sender=sender,
            servers=servers,
            password=request.POST.get("password", ""),
            actor=request.access.user,
        )
    except Refused as error:
        return _form(request, error.status, sender=sender, problem=error.message, problem_field=error.field)
    return _shown(request, sender, check=check)


@require_POST
@organization_view(Permission.SENDERS_EDIT)
def try_out(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Sign in to a mailbox and say what works."""
    sender = _mailbox(request, sender_id)
    if sender is None:
        return done(request, "This sender is not a mailbox of its own.")
    return _shown(request, sender, check=service.try_out(sender=sender, actor=request.access.user))


def _mailbox(request: OrganizationRequest, sender_id: UUID) -> SenderAccount | None:
    """A mailbox within reach, ``None`` for a sender of another kind. Raises ``Http404``."""
    sender = selectors.visible_sender(request.access, sender_id)
    if sender is None:
        raise Http404("There is no such sender, or it is not yours to see.")
    return sender if service.is_mailbox(sender) else None


def _shown(
    request: OrganizationRequest, sender: SenderAccount, *, check: CredentialCheck | None = None
) -> HttpResponse:
    problem = ""
    try:
        typed = service.servers_of(sender)
    except ProviderError as error:
        typed, problem = {}, error.message
    sender.refresh_from_db(fields=["status", "status_reason"])
    return _form(request, sender=sender, typed=typed, check=check, problem=problem)
