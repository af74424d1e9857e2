"""Addresses that an installation's own scheduler calls, below ``/api/internal/``."""

from __future__ import annotations

from django.urls import path

from integrations import views_internal

app_name = "internal"
urlpatterns = [
    path("reconciliation/run-scheduled", views_internal.run_scheduled, name="run_scheduled"),
]
