"""Addresses that providers call, below ``/webhooks/``."""

from __future__ import annotations

from django.urls import path

from integrations import views_webhooks

app_name = "webhooks"
urlpatterns = [
    path("<slug:provider>/<str:connection_key>", views_webhooks.receive, name="receive"),
    path("<slug:provider>/<str:connection_key>/connected", views_webhooks.connected, name="connected"),
]
