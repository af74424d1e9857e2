"""App configuration of inbox."""

from django.apps import AppConfig


class InboxConfig(AppConfig):
    """The room ``inbox`` (see docs/architecture.md)."""

    name = "inbox"
    label = "inbox"

    def ready(self) -> None:
        from inbox import receivers  # noqa: F401
