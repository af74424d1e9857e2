"""Addresses of the design system, below ``/o/<slug>/components/``."""

from __future__ import annotations

from django.urls import path

from project.theme import views

app_name = "theme"
urlpatterns = [path("", views.components, name="components")]
