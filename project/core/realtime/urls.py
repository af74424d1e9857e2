"""Addresses below ``/o/<organization>/live/``."""

from django.urls import path

from project.core.realtime import views

urlpatterns = [path("since", views.since, name="live-since")]
