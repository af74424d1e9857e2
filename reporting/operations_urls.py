"""Addresses of operations pages of this room, below ``/o/<organization>/ops/``."""

from __future__ import annotations

from django.urls import path

from reporting import views_alerts, views_drills

app_name = "operations"
urlpatterns = [
    path("drills/", views_drills.drills, name="drills"),
    path("alerts/", views_alerts.alerts, name="alerts"),
    path("alerts/<uuid:alert_id>/acknowledge/", views_alerts.acknowledge, name="acknowledge_alert"),
    path("alerts/rules/<str:kind>/", views_alerts.set_rule, name="set_alert_rule"),
    path("alerts/channels/add/", views_alerts.add_channel, name="add_alert_channel"),
    path(
        "alerts/channels/<uuid:channel_id>/remove/", views_alerts.remove_channel, name="remove_alert_channel"
    ),
    path("alerts/channels/<uuid:channel_id>/test/", views_alerts.try_channel, name="try_alert_channel"),
]
