"""Outbound Engine X: one Django project, five rooms (see docs/architecture.md)."""
