"""App configuration of the inbox."""

from django.apps import AppConfig


class InboxConfig(AppConfig):
    """The room ``inbox`` (see docs/architecture.md)."""

    name = "inbox"
    label = "inbox"

    def ready(self) -> None:
        """Register receivers, streams and areas."""
        from inbox import authorizers, broadcasts, moments, receivers, selectors_lists  # noqa: F401
        from inbox.services import files
        from integrations.services import outgoing
        from project.core.encrypted_columns import register_encrypted
        from project.tenancy.access import Permission
        from project.tenancy.navigation import NavigationArea, register_area

        outgoing.use_files(files.of_outbound)
        register_encrypted("inbox.NotificationSettings", "addresses")
        #: The board is an area of its own at addresses of this room.
        mine = (
            "inbox:list",
            "inbox:conversation",
            "inbox:desk",
            "inbox:journal",
            "inbox:canned",
            "inbox:notif",
        )
        register_area(
            NavigationArea("inbox", "inbox:list", Permission.INBOX_VIEW, mine, selectors_lists.area_count)
        )
        queues = ("inbox:board", "inbox:settings")
        register_area(NavigationArea("queues", "inbox:board", Permission.INBOX_VIEW, queues))
