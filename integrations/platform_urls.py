"""Addresses of platform staff, below ``/platform/webhooks/``."""

from __future__ import annotations

from django.urls import path

from integrations.views import platform

app_name = "webhooks_platform"
urlpatterns = [
    path("", platform.webhooks, name="webhooks"),
    path("preview/", platform.preview, name="preview"),
    path("replay/", platform.replay, name="replay"),
]
