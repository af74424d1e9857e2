"""Forms about accounts as campaigns use them."""

from __future__ import annotations

from django import forms

from campaigns.services.reallocation import MOST


class MoveForm(forms.Form):
    """How many people of a campaign go from one account to another."""

    campaign = forms.UUIDField()
    source = forms.UUIDField()
    target = forms.UUIDField(error_messages={"required": "Choose an account."})
    people = forms.IntegerField(
        min_value=1,
        max_value=MOST,
        error_messages={
            "required": "Say how many people.",
            "invalid": "How many people is a whole number.",
            "min_value": "At least one person.",
            "max_value": f"At most {MOST:,} people at once.",
        },
    )

    @property
    def problem(self) -> str:
        """The first thing that is wrong, as a sentence."""
        return next((str(messages[0]) for messages in self.errors.values()), "")
