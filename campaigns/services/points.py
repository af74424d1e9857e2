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
    """One point of the checklist. ``where`` is the part of the builder that mends it: plan, senders, ..."""

    code: str
    ok: bool
    message: str
    where: str = ""
    #: The step that it is about, if it is about one.
    node: str = ""

    @property
    def mends_settings(self) -> bool:
        """Whether the campaign's own settings are where it is mended."""
        return self.where in ("senders", "window", "audience")

    @property
    def mends_review(self) -> bool:
        """Whether the campaign's review is where it is mended."""
        return self.where == "review"

    @property
    def mends_rules(self) -> bool:
        """Whether the client's rules of outreach are where it is mended."""
        return self.where == "outreach"
