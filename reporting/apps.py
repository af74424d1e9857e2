"""App configuration of reporting."""

from django.apps import AppConfig


class ReportingConfig(AppConfig):
    """The room ``reporting`` (see docs/architecture.md)."""

    name = "reporting"
    label = "reporting"

    def ready(self) -> None:
        """Register receivers, streams and areas."""
        from integrations.operation_pages import OperationPage, register_page
        from project.core.encrypted_columns import register_encrypted
        from project.tenancy.access import Permission
        from project.tenancy.navigation import NavigationArea, register_area
        from reporting import authorizers, broadcasts, receivers  # noqa: F401

        register_area(NavigationArea("reports", "reporting:index", Permission.REPORTS_VIEW, ("reporting:",)))
        register_page(OperationPage("operations:alerts", "Alerts", "bell-alert"), first=True)
        register_encrypted("reporting.AlertChannel", "credentials")
        register_page(OperationPage("operations:drills", "Drills", "fire"))
        register_encrypted("reporting.MetricSink", "credentials")
