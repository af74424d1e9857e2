"""App configuration of campaigns."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """The room ``campaigns`` (see docs/architecture.md)."""

    name = "campaigns"
    label = "campaigns"

    def ready(self) -> None:
        """Register receivers, streams and areas."""
        from campaigns import authorizers, broadcasts, receivers  # noqa: F401
        from integrations.sender_pages import SenderPage, register_page
        from project.tenancy.access import Permission
        from project.tenancy.navigation import NavigationArea, register_area

        register_area(
            NavigationArea(
                "campaigns",
                "campaigns:list",
                Permission.CAMPAIGNS_VIEW,
                (
                    "campaigns:list",
                    "campaigns:new",
                    "campaigns:detail",
                    "campaigns:enrolled",
                    "campaigns:builder",
                    "campaigns:publish",
                    "campaigns:snippets",
                    "campaigns:holidays",
                    "campaigns:simulation",
                    "campaigns:brakes",
                    "campaigns:why",
                ),
            )
        )
        register_page(SenderPage("campaigns:sender_queue", "Queue", Permission.CAMPAIGNS_VIEW))
        register_area(
            NavigationArea(
                "leads",
                "campaigns:leads",
                Permission.LEADS_VIEW,
                ("campaigns:lead", "campaigns:import", "campaigns:do_not"),
            )
        )
