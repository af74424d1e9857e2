"""The list of steps in one form, and what every way of writing shares: settings, checklist, launch."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from pydantic import ValidationError

from campaigns import selectors, selectors_provider
from campaigns.forms import WEEKDAYS, SettingsForm, time_zones
from campaigns.models import Campaign
from campaigns.plans.linear import to_plan
from campaigns.sequence_editor import STEP_KINDS, NotLinear, SequenceEditor
from campaigns.services import campaigns as service
from campaigns.services import checklist, previews
from campaigns.services.settings import CampaignSettings
from campaigns.views.lookups import campaign_or_404
from integrations.models import SenderAccount
from project.core.htmx import redirect_to
from project.tenancy.access import OrganizationRequest, Permission, organization_view


def _editor(campaign: Campaign) -> SequenceEditor | None:
    try:
        editor = SequenceEditor.of_plan(campaign.draft_plan)
    except NotLinear:
        return None
    return _for_provider(editor, campaign)


def _for_provider(editor: SequenceEditor, campaign: Campaign) -> SequenceEditor:
    """A provider counts all days: its campaigns offer nothing else, and only what its channel has."""
    channel = selectors_provider.channel_of(campaign)
    if channel:
        editor.limit_to(channel)
    return editor


def _senders(campaign: Campaign) -> list[SenderAccount]:
    return selectors_provider.senders_for(campaign)


def _settings_values(campaign: Campaign) -> dict[str, Any]:
    audience = campaign.audience or {}
    return {
        "name": campaign.name,
        "time_zone": campaign.time_zone,
        "use_lead_time_zone": campaign.use_lead_time_zone,
        "weekdays": campaign.window["weekdays"],
        "start": campaign.window["start"],
        "end": campaign.window["end"],
        "holiday_country": campaign.holiday_country,
        "audience": audience.get("import_id") or "all",
        "reply_stops": campaign.reply_stops,
        "exclusive": campaign.exclusive,
        "reentry_days": campaign.reentry_days,
        "senders": [str(link) for link in campaign.sender_links.values_list("sender_id", flat=True)],
    }


def settings_context(request: OrganizationRequest, campaign: Campaign, **more: Any) -> dict[str, Any]:
    """What the page shows of a campaign: steps, settings, checklist. ``more`` overrides it."""
    editor = more.pop("editor", None) or _editor(campaign)
    return {
        "campaign": campaign,
        "editor": editor,
        "steps": editor.rows() if editor else [],
        "step_kinds": editor.kinds.items() if editor else STEP_KINDS.items(),
        "run": selectors_provider.run_of(campaign),
        "values": _settings_values(campaign),
        "weekdays": WEEKDAYS,
        "time_zones": time_zones(),
        "reply_choices": Campaign.ReplyStops.choices,
        "senders": _senders(campaign),
        "imports": [
            made for made in selectors.import_list(request.access) if made.client_id == campaign.client_id
        ],
        "points": checklist.check(campaign),
        **more,
    }


@require_GET
@organization_view(Permission.CAMPAIGNS_EDIT)
def sequence_page(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """The draft as a list of steps in one form: what providers run, and who prefers to write from top to bottom."""
    campaign = campaign_or_404(request.access, campaign_id)
    return render(request, "campaigns/sequence.html", settings_context(request, campaign))


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def sequence(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Change the sequence: add, remove or move a step, preview, or save. What was typed stays, valid or not."""
    campaign = campaign_or_404(request.access, campaign_id)
    editor = _for_provider(SequenceEditor.of_post(request.POST), campaign)
    operation = request.POST.get("operation", "save")
    if operation != "save":
        editor.operate(operation)
        return render(
            request,
            "campaigns/_sequence.html",
            settings_context(request, campaign, editor=editor, unsaved=True),
        )
    made = editor.sequence(campaign.time_zone)
    if made is None:
        context = settings_context(request, campaign, editor=editor, unsaved=True)
        return render(request, "campaigns/_sequence.html", context, status=422)
    plan = to_plan(made).model_dump(mode="json", by_alias=True, exclude_defaults=True)
    campaign = service.save_plan(campaign=campaign, plan=plan, actor=request.access.user)
    fresh = campaign_or_404(request.access, campaign.id)
    return render(
        request, "campaigns/_sequence.html", settings_context(request, fresh, saved=True, with_checklist=True)
    )


@require_GET
@organization_view(Permission.CAMPAIGNS_EDIT)
def preview(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """The saved texts as real leads would read them, those with problems first."""
    campaign = campaign_or_404(request.access, campaign_id)
    return render(request, "campaigns/_preview.html", {"previews": previews.worst(campaign)})


@require_GET
@organization_view(Permission.CAMPAIGNS_EDIT)
def checklist_part(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """The checklist anew, after the draft has changed."""
    campaign = campaign_or_404(request.access, campaign_id)
    context = {"campaign": campaign, "points": checklist.check(campaign)}
    return render(request, "campaigns/_checklist.html", context)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def settings(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Change window, time zone, audience and senders."""
    campaign = campaign_or_404(request.access, campaign_id)
    form = SettingsForm(request.POST, senders=_senders(campaign))
    errors: list[str] = []
    if form.is_valid():
        try:
            values = CampaignSettings.model_validate(form.values())
            service.update_settings(campaign=campaign, settings=values, actor=request.access.user)
        except ValidationError as error:
            errors = [str(one["msg"]).removeprefix("Value error, ") for one in error.errors()]
        except (service.CampaignRefused, ValueError) as error:
            errors = [str(error)]
        else:
            fresh = campaign_or_404(request.access, campaign.id)
            context = settings_context(request, fresh, saved=True, with_checklist=True)
            return render(request, "campaigns/_settings.html", context)
    errors += [f"{form.fields[name].label}: {text}" for name, texts in form.errors.items() for text in texts]
    typed = {
        **_settings_values(campaign),
        **{
            name: request.POST.get(name, "")
            for name in (
                "name",
                "time_zone",
                "start",
                "end",
                "holiday_country",
                "audience",
                "reply_stops",
                "reentry_days",
            )
        },
        "use_lead_time_zone": "use_lead_time_zone" in request.POST,
        "exclusive": "exclusive" in request.POST,
        "weekdays": [int(day) for day in request.POST.getlist("weekdays") if day.isdigit()],
        "senders": request.POST.getlist("senders"),
    }
    context = settings_context(request, campaign, values=typed, errors=errors)
    return render(request, "campaigns/_settings.html", context, status=422)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def launch(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Launch the campaign, or say everything that is in the way."""
    campaign = campaign_or_404(request.access, campaign_id)
    try:
        service.launch(
            campaign=campaign,
            actor=request.access.user,
            accept_unfilled=request.POST.get("accept_unfilled") == "1",
        )
    except service.CampaignRefused as refusal:
        context = settings_context(request, campaign, problems=refusal.problems)
        return render(request, "campaigns/_checklist.html", context, status=422)
    url = reverse(
        "campaigns:detail",
        kwargs={"organization_slug": request.organization.slug, "campaign_id": campaign.id},
    )
    return redirect_to(url, request)
