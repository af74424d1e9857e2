"""What a team sets about its inbox, checked."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from campaigns.replies.intents import Intent
from inbox.models import AssignmentRule, InboxPolicy, WorkingHours
from integrations.models.connections import Channel
from project.tenancy.models import Client, User
from project.theme.marks import INTENTS

WEEKDAYS = [(0, "Mon"), (1, "Tue"), (2, "Wed"), (3, "Thu"), (4, "Fri"), (5, "Sat"), (6, "Sun")]
_INTENTS = [(one.value, INTENTS[one.value][1]) for one in Intent if one.value in INTENTS]


class _Weekdays(forms.TypedMultipleChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            choices=WEEKDAYS, coerce=int, widget=forms.CheckboxSelectMultiple, label="Days", **kwargs
        )


class PolicyForm(forms.Form):
    """What is promised to a client, or to all that have no promise of their own."""

    client = forms.ChoiceField(required=False, label="For")
    reply_minutes = forms.IntegerField(
        min_value=1, max_value=20_160, label="Answer within", help_text="Minutes of business hours."
    )
    hot_reply_minutes = forms.IntegerField(
        min_value=1,
        max_value=20_160,
        label="Interested, question or referral within",
        help_text="Minutes of business hours.",
    )
    weekdays = _Weekdays()
    opens = forms.TimeField(label="From", widget=forms.TimeInput(attrs={"type": "time"}))
    closes = forms.TimeField(
        label="To", help_text="In the client's time zone.", widget=forms.TimeInput(attrs={"type": "time"})
    )
    holiday_country = forms.CharField(
        max_length=8,
        required=False,
        label="Public holidays of",
        help_text="A country, such as NO or DE-BY. Empty: none.",
    )
    lease_minutes = forms.IntegerField(
        min_value=0,
        max_value=1_440,
        label="Give back what was taken after",
        help_text="Minutes in which nobody acted on a hot conversation they took. 0: never.",
    )
    close_after_days = forms.IntegerField(
        min_value=0,
        max_value=365,
        label="Close by itself after",
        help_text="Days without an answer to our last message. 0: never.",
    )

    def __init__(
        self, data: QueryDict | None = None, *, clients: list[Client], policy: InboxPolicy | None = None
    ) -> None:
        initial = {name: getattr(policy, name) for name in self.base_fields if policy and name != "client"}
        if policy is not None:
            initial["client"] = str(policy.client_id or "")
        super().__init__(data, initial=initial)
        field: Any = self.fields["client"]
        field.choices = [("", "All clients"), *((str(one.id), one.name) for one in clients)]


class RuleForm(forms.Form):
    """Who gets which conversations."""

    client = forms.ChoiceField(required=False, label="Conversations of")
    intents = forms.MultipleChoiceField(
        choices=_INTENTS, required=False, widget=forms.CheckboxSelectMultiple, label="Only these intents"
    )
    channels = forms.MultipleChoiceField(
        choices=Channel.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Only these channels",
    )
    method = forms.ChoiceField(choices=AssignmentRule.Method.choices, label="Give them")
    people = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Among",
        help_text="Nobody chosen: all who may answer.",
    )
    in_working_hours = forms.BooleanField(required=False, initial=True, label="Only to those at work")
    online_only = forms.BooleanField(required=False, label="Only to those who have the product open")

    def __init__(self, data: QueryDict | None = None, *, clients: list[Client], people: list[User]) -> None:
        super().__init__(data)
        field: Any = self.fields["client"]
        field.choices = [("", "All clients"), *((str(one.id), one.name) for one in clients)]
        among: Any = self.fields["people"]
        among.choices = [(str(one.id), one.display_name) for one in people]


class HoursForm(forms.Form):
    """When somebody is at work."""

    person = forms.ChoiceField(label="Who")
    weekdays = _Weekdays()
    starts = forms.TimeField(label="From", widget=forms.TimeInput(attrs={"type": "time"}))
    ends = forms.TimeField(label="To", widget=forms.TimeInput(attrs={"type": "time"}))
    time_zone = forms.CharField(max_length=64, label="Time zone", help_text="For example Europe/Oslo.")
    most_open = forms.IntegerField(
        min_value=0,
        max_value=10_000,
        label="Most open conversations",
        help_text="Rules give them no more. 0: no limit.",
    )
    is_away = forms.BooleanField(required=False, label="Away: rules give them nothing")
    away_until = forms.DateField(
        required=False,
        label="Away until the morning of",
        help_text="Empty: until somebody says that they are back.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def __init__(
        self, data: QueryDict | None = None, *, people: list[User], hours: WorkingHours | None = None
    ) -> None:
        shown = hours or WorkingHours()
        super().__init__(
            data, initial={name: getattr(shown, name) for name in self.base_fields if name != "person"}
        )
        field: Any = self.fields["person"]
        field.choices = [(str(one.id), one.display_name) for one in people]


class AwayForm(forms.Form):
    """Until when somebody is away; without a day until they say that they are back."""

    until = forms.DateField(
        required=False,
        label="Away until",
        widget=forms.DateInput(attrs={"type": "date"}),
    )


class LabelForm(forms.Form):
    """A label, and whose it is."""

    name = forms.CharField(max_length=40, label="Label")
    client = forms.ChoiceField(required=False, label="Of")

    def __init__(self, data: QueryDict | None = None, *, clients: list[Client]) -> None:
        super().__init__(data)
        field: Any = self.fields["client"]
        field.choices = [("", "All clients"), *((str(one.id), one.name) for one in clients)]


class MergeForm(forms.Form):
    """Another label that takes a label's place."""

    into = forms.UUIDField()
