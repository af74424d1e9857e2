"""Websocket addresses."""

from django.urls import path

from project.core.realtime.consumers import LiveConsumer

websocket_urlpatterns = [path("ws/o/<slug:organization_slug>/", LiveConsumer.as_asgi())]
