"""Addresses of campaigns and leads, below ``/o/<organization>/``."""

from __future__ import annotations

from django.urls import path

from campaigns.views import (
    builder,
    campaigns,
    diagnostics,
    engine,
    explanations,
    holidays,
    imports,
    leads,
    outreach,
    simulations,
    snippets,
    suppressions,
)

app_name = "campaigns"
urlpatterns = [
    path("campaigns/", campaigns.campaigns, name="list"),
    path("campaigns/new/", campaigns.new, name="new"),
    path("campaigns/holidays/", holidays.holidays, name="holidays"),
    path("campaigns/holidays/<uuid:holiday_id>/delete/", holidays.delete, name="holiday_delete"),
    path("campaigns/snippets/", snippets.snippets, name="snippets"),
    path("campaigns/snippets/<uuid:snippet_id>/delete/", snippets.delete, name="snippet_delete"),
    path("campaigns/actions/<uuid:action_id>/why/", explanations.action, name="why_action"),
    path("campaigns/sends/<uuid:outbound_id>/why/", explanations.send, name="why_send"),
    path("campaigns/<uuid:campaign_id>/", campaigns.detail, name="detail"),
    path("campaigns/<uuid:campaign_id>/leads/", campaigns.enrolled, name="enrolled"),
    path("campaigns/<uuid:campaign_id>/edit/", builder.builder, name="builder"),
    path("campaigns/<uuid:campaign_id>/edit/sequence/", builder.sequence, name="sequence"),
    path("campaigns/<uuid:campaign_id>/edit/settings/", builder.settings, name="campaign_settings"),
    path("campaigns/<uuid:campaign_id>/edit/preview/", builder.preview, name="preview"),
    path("campaigns/<uuid:campaign_id>/simulation/", simulations.simulation, name="simulation"),
    path("campaigns/<uuid:campaign_id>/launch/", builder.launch, name="launch"),
    path("campaigns/<uuid:campaign_id>/pause/", campaigns.pause, name="pause"),
    path("campaigns/<uuid:campaign_id>/resume/", campaigns.resume, name="resume"),
    path("campaigns/<uuid:campaign_id>/variants/<str:node_id>/", campaigns.variant, name="variant"),
    path("campaigns/<uuid:campaign_id>/archive/", campaigns.archive, name="archive"),
    path("campaigns/<uuid:campaign_id>/push/", campaigns.push, name="push"),
    path("campaigns/<uuid:campaign_id>/switch/", engine.switch, name="switch"),
    path("ops/scheduler/", engine.scheduler_card, name="scheduler"),
    path("ops/scheduler/set/", engine.set_scheduler, name="set_scheduler"),
    path("campaigns/brakes/", outreach.brakes, name="brakes"),
    path("campaigns/brakes/<uuid:brake_id>/release/", outreach.release_brake, name="release_brake"),
    path("settings/clients/<uuid:client_id>/outreach/", outreach.rules, name="outreach_rules"),
    path("leads/", leads.leads, name="leads"),
    path("leads/do-not-contact/", suppressions.do_not_contact, name="do_not_contact"),
    path("leads/do-not-contact/add/", suppressions.add, name="suppress"),
    path("leads/do-not-contact/<uuid:suppression_id>/remove/", suppressions.remove, name="unsuppress"),
    path("leads/imports/", imports.imports, name="imports"),
    path("leads/imports/<uuid:import_id>/", imports.lead_import, name="import"),
    path("leads/imports/<uuid:import_id>/mapping/", imports.mapping, name="import_mapping"),
    path("leads/imports/<uuid:import_id>/run/", imports.run, name="import_run"),
    path("leads/imports/<uuid:import_id>/cancel/", imports.cancel, name="import_cancel"),
    path("leads/imports/<uuid:import_id>/errors.csv", imports.error_file, name="import_errors"),
    path("leads/<uuid:lead_id>/", leads.lead, name="lead"),
    path("leads/<uuid:lead_id>/diagnostics/", diagnostics.lead_diagnostics, name="lead_diagnostics"),
]
