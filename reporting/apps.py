"""App configuration of reporting."""

from django.apps import AppConfig


class ReportingConfig(AppConfig):
    """The room ``reporting`` (see docs/architecture.md)."""

    name = "reporting"
    label = "reporting"

    def ready(self) -> None:
        from reporting import authorizers, broadcasts, receivers  # noqa: F401
