"""App configuration of tenancy."""

from django.apps import AppConfig


class TenancyConfig(AppConfig):
    """Organizations, clients, people and their rights."""

    name = "project.tenancy"
    label = "tenancy"

    def ready(self) -> None:
        """Register receivers, streams and encrypted columns."""
        from project.core.encrypted_columns import register_encrypted, register_rotation
        from project.tenancy import receivers, streams  # noqa: F401
        from project.tenancy.services import second_factors

        register_encrypted("tenancy.IdempotencyKey", "response")
        register_rotation("mfa.Authenticator.data", second_factors.rotate)
