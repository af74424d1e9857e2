"""App configuration of reporting."""

from django.apps import AppConfig


class ReportingConfig(AppConfig):
    """The room ``reporting`` (see docs/architecture.md)."""

    name = "reporting"
    label = "reporting"

    def ready(self) -> None:
        """Register receivers, streams and areas."""
        from project.tenancy.access import Permission
        from project.tenancy.navigation import NavigationArea, register_area
        from reporting import authorizers, broadcasts, receivers  # noqa: F401

        register_area(NavigationArea("reports", "reporting:index", Permission.REPORTS_VIEW, ("reporting:",)))
