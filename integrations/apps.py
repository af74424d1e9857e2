"""App configuration of integrations."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """The room ``integrations`` (see docs/architecture.md)."""

    name = "integrations"
    label = "integrations"

    def ready(self) -> None:
        from integrations import receivers  # noqa: F401
