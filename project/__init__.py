"""Outbound Engine X: one Django project, five rooms (see docs/architecture.md)."""

from project.celery import app as celery_app

__all__ = ["celery_app"]
