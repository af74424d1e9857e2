"""Addresses of metric snapshots, below ``/platform/metrics/``."""

from __future__ import annotations

from django.urls import path

from reporting import views_platform

app_name = "platform-metrics"
urlpatterns = [
    path("", views_platform.metrics, name="metrics"),
    path("flush/", views_platform.flush, name="flush"),
    path("sink/", views_platform.set_sink, name="set-sink"),
]
