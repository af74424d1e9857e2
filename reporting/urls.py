"""Addresses of reports, below ``/o/<organization>/reports/``."""

from __future__ import annotations

from django.urls import path

from reporting import views

app_name = "reporting"
urlpatterns = [
    path("", views.index, name="index"),
    path("inbox/", views.inbox, name="inbox"),
    path("clients/<uuid:client_id>/", views.client_report, name="client"),
]
