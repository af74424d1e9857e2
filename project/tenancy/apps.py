"""App configuration of tenancy."""

from django.apps import AppConfig


class TenancyConfig(AppConfig):
    """Organizations, clients, people and their rights."""

    name = "project.tenancy"
    label = "tenancy"

    def ready(self) -> None:
        """Register receivers, streams and encrypted columns."""
        from project.tenancy import receivers, streams  # noqa: F401
