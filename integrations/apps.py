"""App configuration of integrations."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """The room ``integrations`` (see docs/architecture.md)."""

    name = "integrations"
    label = "integrations"

    def ready(self) -> None:
        """Register receivers, streams and areas."""
        from integrations import authorizers, receivers  # noqa: F401
        from integrations.services.rates import slots
        from project.core.encrypted_columns import register_encrypted
        from project.core.http import use_throttle
        from project.tenancy.access import Permission
        from project.tenancy.navigation import NavigationArea, register_area

        senders = ("integrations:sender", "campaigns:sender_queue", "campaigns:budget_board")
        register_area(NavigationArea("senders", "integrations:senders", Permission.SENDERS_VIEW, senders))
        pages = ("sync", "ledger", "reconciliation", "webhook", "weather", "rates", "queues", "switches")
        operations = (*(f"integrations:{page}" for page in pages), "operations:")
        register_area(NavigationArea("ops", "integrations:sync", Permission.OPS_VIEW, operations))
        register_encrypted("integrations.Connection", "credentials")
        register_encrypted("integrations.SystemMail", "content")
        use_throttle(slots.throttle)
