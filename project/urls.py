"""Addresses: composition only; each room brings its own (docs in the rooms' ``urls.py``)."""

from __future__ import annotations

from django.urls import include, path

from campaigns.views.unsubscribe import unsubscribe
from inbox.views_slack import pressed as slack_pressed
from project.core import views as core_views
from project.theme.views import worker
from reporting.views_mails import leave
from reporting.views_portal import brand_sheet
from reporting.views_sharing import shared, shared_logo

ORGANIZATION = "o/<slug:organization_slug>/"

urlpatterns = [
    path("healthz", core_views.healthz, name="healthz"),
    path("readyz", core_views.readyz, name="readyz"),
    path("metrics", core_views.metrics, name="metrics"),
    path("worker.js", worker, name="worker"),
    path("accounts/", include("allauth.urls")),
    path("platform/webhooks/", include("integrations.platform_urls")),
    path("platform/metrics/", include("reporting.platform_urls")),
    path("", include("project.tenancy.urls")),
    path("api/v1/", include("project.api")),
    path("api/internal/", include("integrations.internal_urls")),
    path("webhooks/", include("integrations.webhook_urls")),
    path("slack/<uuid:settings_id>/", slack_pressed, name="slack"),
    path("u/<str:token>", unsubscribe, name="unsubscribe"),
    path("r/leave/<str:token>", leave, name="leave_report"),
    path("share/<str:token>", shared, name="shared_report"),
    path("share/<str:token>/logo", shared_logo, name="shared_logo"),
    # What these addresses were before: links that were given out stay good.
    path("r/<str:token>", shared),
    path("r/<str:token>/logo", shared_logo),
    path("brand/<str:colour>.css", brand_sheet, name="brand_sheet"),
    path(ORGANIZATION + "live/", include("project.core.realtime.urls")),
    path(ORGANIZATION + "inbox/", include("inbox.urls")),
    path(ORGANIZATION, include("campaigns.urls")),
    path(ORGANIZATION, include("integrations.urls")),
    path(ORGANIZATION + "ops/", include("reporting.operations_urls")),
    path(ORGANIZATION + "reports/", include("reporting.urls")),
    path(ORGANIZATION + "components/", include("project.theme.urls")),
]

handler400 = "project.core.views.bad_request"
handler403 = "project.core.views.forbidden"
handler404 = "project.core.views.not_found"
handler500 = "project.core.views.server_error"
