"""App configuration of campaigns."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """The room ``campaigns`` (see docs/architecture.md)."""

    name = "campaigns"
    label = "campaigns"

    def ready(self) -> None:
        from campaigns import authorizers, broadcasts, receivers  # noqa: F401
