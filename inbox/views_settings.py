"""How a team answers: promises, rules, working hours and labels."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from inbox import forms_settings as forms
from inbox import selectors_board, selectors_lists
from inbox.models import AssignmentRule, InboxPolicy, Label
from inbox.services import labels, policies, rules
from project.core.htmx import redirect_to
from project.core.ids import parse_uuid
from project.core.refusals import Refused
from project.tenancy.access import Access, OrganizationRequest, Permission, get_or_404, organization_view
from project.tenancy.models import Client

_MANAGE = Permission.INBOX_MANAGE


def _clients(access: Access) -> list[Client]:
    return list(access.clients().filter(is_archived=False))


def _client(access: Access, client_id: str) -> Client | None:
    """The client that something is set for; what concerns all of them needs a reach over all of them."""
    if not client_id:
        access.require_whole_organization()
        return None
    found: Client = get_or_404(access.clients(), client_id)
    return found


def _bound_forms(request: OrganizationRequest, **bound: Any) -> dict[str, Any]:
    access = request.access
    clients, people = _clients(access), selectors_lists.members(access)
    return {
        "policy_form": forms.PolicyForm(clients=clients, policy=InboxPolicy()),
        "rule_form": forms.RuleForm(clients=clients, people=people),
        "hours_form": forms.HoursForm(people=people),
        "label_form": forms.LabelForm(clients=clients),
        **bound,
    }


def _page(request: OrganizationRequest, status: int = 200, **bound: Any) -> HttpResponse:
    can_manage = request.access.can(_MANAGE)
    context = {**selectors_board.settings(request.access), "can_manage": can_manage}
    if request.access.can(Permission.INBOX_REPLY):
        own = next((one for one in context["people"] if one["is_self"]), None)
        context |= {"own": own, "away_form": bound.pop("away_form", None) or forms.AwayForm()}
    if can_manage:
        context |= _bound_forms(request, **bound)
    return render(request, "inbox/settings.html", context, status=status)


def _done(request: OrganizationRequest) -> HttpResponse:
    return redirect_to(
        reverse("inbox:settings", kwargs={"organization_slug": request.organization.slug}), request
    )


@require_GET
@organization_view(Permission.INBOX_VIEW)
def settings(request: OrganizationRequest) -> HttpResponse:
    """What holds now, and for those who may the forms to change it."""
    return _page(request)


@require_POST
@organization_view(_MANAGE)
def set_policy(request: OrganizationRequest) -> HttpResponse:
    """Set what is promised to a client or to all."""
    form = forms.PolicyForm(request.POST, clients=_clients(request.access))
    if not form.is_valid():
        return _page(request, 422, policy_form=form)
    values = dict(form.cleaned_data)
    client = _client(request.access, values.pop("client"))
    try:
        policies.set_policy(client=client, actor=request.access.user, **values)
    except Refused as refusal:
        form.add_error(refusal.field or None, refusal.message)
        return _page(request, 422, policy_form=form)
    return _done(request)


@require_POST
@organization_view(_MANAGE)
def drop_policy(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """Let a client have what holds for all again."""
    client = get_or_404(request.access.clients(), client_id)
    policies.drop_policy(client=client, actor=request.access.user)
    return _done(request)


@require_POST
@organization_view(_MANAGE)
def add_rule(request: OrganizationRequest) -> HttpResponse:
    """Add a rule of assignment."""
    access = request.access
    form = forms.RuleForm(request.POST, clients=_clients(access), people=selectors_lists.members(access))
    if not form.is_valid():
        return _page(request, 422, rule_form=form)
    values = dict(form.cleaned_data)
    client = _client(access, values.pop("client"))
    try:
        rules.create(client=client, actor=access.user, **values)
    except Refused as refusal:
        form.add_error(refusal.field or None, refusal.message)
        return _page(request, 422, rule_form=form)
    return _done(request)


def _rule(request: OrganizationRequest, rule_id: UUID) -> AssignmentRule:
    found: AssignmentRule = get_or_404(AssignmentRule.objects.all(), rule_id)
    if found.client_id is None:
        request.access.require_whole_organization()
    elif not request.access.sees_client(found.client_id):
        raise Http404("There is no such rule, or it is not yours to see.")
    return found


@require_POST
@organization_view(_MANAGE)
def switch_rule(request: OrganizationRequest, rule_id: UUID) -> HttpResponse:
    """Let a rule rest, or work again."""
    found = _rule(request, rule_id)
    rules.switch(rule_id=found.id, is_active=not found.is_active, actor=request.access.user)
    return _done(request)


@require_POST
@organization_view(_MANAGE)
def remove_rule(request: OrganizationRequest, rule_id: UUID) -> HttpResponse:
    """Remove a rule."""
    rules.remove(rule_id=_rule(request, rule_id).id, actor=request.access.user)
    return _done(request)


@require_POST
@organization_view(_MANAGE)
def set_hours(request: OrganizationRequest) -> HttpResponse:
    """Say when a member is at work."""
    people = selectors_lists.members(request.access)
    form = forms.HoursForm(request.POST, people=people)
    if not form.is_valid():
        return _page(request, 422, hours_form=form)
    values = dict(form.cleaned_data)
    person = next(one for one in people if one.id == parse_uuid(values["person"]))
    del values["person"]
    until = values.pop("away_until")
    try:
        with transaction.atomic():
            rules.set_hours(user=person, actor=request.access.user, **values)
            if values["is_away"]:
                rules.set_away(user=person, actor=request.access.user, is_away=True, until=until)
    except Refused as refusal:
        form.add_error(refusal.field or None, refusal.message)
        return _page(request, 422, hours_form=form)
    return _done(request)


@require_POST
@organization_view(Permission.INBOX_REPLY)
def away(request: OrganizationRequest) -> HttpResponse:
    """Say that one is away oneself (``until`` a day, or until one says otherwise), or ``back``."""
    form = forms.AwayForm(request.POST)
    if not form.is_valid():
        return _page(request, 422, away_form=form)
    user, is_away = request.access.user, not request.POST.get("back")
    try:
        rules.set_away(user=user, actor=user, is_away=is_away, until=form.cleaned_data["until"])
    except Refused as refusal:
        form.add_error("until", refusal.message)
        return _page(request, 422, away_form=form)
    return _done(request)


@require_POST
@organization_view(_MANAGE)
def add_label(request: OrganizationRequest) -> HttpResponse:
    """Make a label."""
    form = forms.LabelForm(request.POST, clients=_clients(request.access))
    if not form.is_valid():
        return _page(request, 422, label_form=form)
    client = _client(request.access, form.cleaned_data["client"])
    try:
        labels.create(name=form.cleaned_data["name"], client=client, actor=request.access.user)
    except Refused as refusal:
        form.add_error(refusal.field or None, refusal.message)
        return _page(request, 422, label_form=form)
    return _done(request)


def _label(request: OrganizationRequest, label_id: Any) -> Label:
    within = Q() if request.access.client_ids is None else Q(client_id__in=request.access.client_ids)
    found: Label = get_or_404(Label.objects.filter(within), label_id)
    return found


@require_POST
@organization_view(_MANAGE)
def change_label(request: OrganizationRequest, label_id: UUID) -> HttpResponse:
    """Call a label something else, let another take its place (``into``), or remove it (``remove``)."""
    label = _label(request, label_id)
    actor = request.access.user
    try:
        if request.POST.get("remove"):
            labels.remove(label_id=label.id, actor=actor)
        elif request.POST.get("into"):
            into = _label(request, request.POST["into"])
            labels.merge(label_id=label.id, into_id=into.id, actor=actor)
        else:
            labels.rename(label_id=label.id, name=request.POST.get("name", ""), actor=actor)
    except Refused as refusal:
        return HttpResponse(refusal.message, status=422, content_type="text/plain; charset=utf-8")
    return _done(request)
