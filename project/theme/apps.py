"""Django application of the design system."""

from __future__ import annotations

from django.apps import AppConfig


class ThemeConfig(AppConfig):
    """Holds the stylesheet and the template tags; also the app that django-tailwind builds."""

    name = "project.theme"
    label = "theme"
    verbose_name = "Theme"
