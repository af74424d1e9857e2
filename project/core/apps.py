"""App configuration of the ground floor."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CoreConfig(AppConfig):
    """Registers system checks and applies tenant isolation after every migration run."""

    name = "project.core"
    label = "core"

    def ready(self) -> None:
        """Register tasks, and apply isolation after migrations."""
        from project.core import isolation, upkeep  # noqa: F401  (upkeep registers tasks)

        post_migrate.connect(isolation.on_post_migrate, dispatch_uid="core.isolation")
