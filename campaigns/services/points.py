"""Points of a launch checklist: what is met, what is open, and where it is mended."""

from __future__ import annotations

from dataclasses import dataclass

from project.tenancy.models import Capability

CAPABILITY_OF_CHANNEL = {
    "linkedin": Capability.LINKEDIN_OUTREACH,
    "email": Capability.EMAIL_OUTREACH,
    "sms": Capability.SMS_OUTREACH,
}


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the checklist. ``where`` is what mends it: a part of the builder (plan, senders, window, audience),
    the review, the client's rules (outreach) or grants (grants), the accounts or the connections.
    """

    code: str
    ok: bool
    message: str
    where: str = ""
    #: The step that it is about, if it is about one.
    node: str = ""
    #: The query of the table of leads that shows whom it is about.
    leads: str = ""
    #: Whether a launch may go on all the same, when somebody says so.
    can_be_accepted: bool = False

    @property
    def mends_settings(self) -> bool:
        """Whether the campaign's own settings are where it is mended."""
        return self.where in ("senders", "window", "audience")

    @property
    def mends_grants(self) -> bool:
        """Whether what the client was granted is where it is mended."""
        return self.where == "grants"

    @property
    def mends_accounts(self) -> bool:
        """Whether the sender accounts themselves are where it is mended."""
        return self.where == "accounts"

    @property
    def mends_connections(self) -> bool:
        """Whether the connection to the provider is where it is mended."""
        return self.where == "connections"

    @property
    def mends_plan(self) -> bool:
        """Whether the plan as a whole is where it is mended."""
        return self.where == "plan" and not self.node

    @property
    def mends_review(self) -> bool:
        """Whether the campaign's review is where it is mended."""
        return self.where == "review"

    @property
    def mends_rules(self) -> bool:
        """Whether the client's rules of outreach are where it is mended."""
        return self.where == "outreach"
