"""What people send to the inbox, checked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils.dateparse import parse_datetime

from campaigns.scheduling.zones import UnknownZone, zone
from inbox.models import NotificationSettings, ReplyDraft
from integrations.models.connections import Channel
from project.tenancy.access import Access
from project.tenancy.models import Client


class ReplyForm(forms.Form):
    """A reply: the text, the browser's token, the revision that the writer has seen, and how it is to leave."""

    body = forms.CharField(max_length=20_000, strip=False, required=False)
    client_token = forms.UUIDField()
    seen_revision = forms.IntegerField(min_value=0)
    sender = forms.UUIDField(required=False)
    confirm_sender = forms.BooleanField(required=False)
    subject = forms.CharField(max_length=200, required=False)
    leaves_at = forms.CharField(max_length=40, required=False)
    canned = forms.UUIDField(required=False)

    def clean_leaves_at(self) -> datetime | None:
        """An instant with its zone, or nothing."""
        given = self.cleaned_data["leaves_at"]
        if not given:
            return None
        try:
            found = parse_datetime(given)
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise forms.ValidationError("Choose a day and a time.")
        return found


class DraftForm(forms.Form):
    """What somebody is writing."""

    body = forms.CharField(max_length=20_000, strip=False, required=False)
    mode = forms.ChoiceField(choices=ReplyDraft.Mode.choices, required=False)
    sender_id = forms.UUIDField(required=False)
    version = forms.IntegerField(min_value=0, required=False)

    def clean_mode(self) -> str:
        """A reply unless it says otherwise."""
        return self.cleaned_data["mode"] or ReplyDraft.Mode.REPLY


class CannedForm(forms.Form):
    """A text to use again."""

    name = forms.CharField(max_length=60)
    body = forms.CharField(max_length=8000, strip=False, widget=forms.Textarea)
    client: forms.ModelChoiceField[Client] = forms.ModelChoiceField(
        queryset=None, required=False, empty_label="All clients"
    )
    channel = forms.ChoiceField(choices=[("", "Every channel"), *Channel.choices], required=False)
    is_mine = forms.BooleanField(required=False)

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["client"].queryset = access.clients().order_by("name")  # type: ignore[attr-defined]
        self.access = access

    def clean(self) -> dict[str, Any]:
        """Whoever works for some clients makes texts for these."""
        data = super().clean() or {}
        if data.get("client") is None and not self.access.whole_organization and "client" not in self.errors:
            self.add_error("client", "Choose one of your clients.")
        return data


class NoteForm(forms.Form):
    """A private note."""

    body = forms.CharField(max_length=20_000, strip=False, required=False)


class AssignmentForm(forms.Form):
    """Whom a conversation is given to; empty for nobody."""

    assignee = forms.UUIDField(required=False)


class SnoozeForm(forms.Form):
    """How long a conversation is put away."""

    HOURS = {"1": "In an hour", "4": "In 4 hours", "24": "Tomorrow", "72": "In 3 days", "168": "In a week"}
    hours = forms.ChoiceField(choices=list(HOURS.items()))


class LinkForm(forms.Form):
    """Who the counterpart is."""

    lead = forms.UUIDField()


class SequenceForm(forms.Form):
    """What to do with the lead's running sequence."""

    act = forms.ChoiceField(
        choices=[
            ("pause", "Pause"),
            ("resume", "Resume"),
            ("stop", "Stop"),
            ("move", "Move to a step"),
            ("meeting", "Mark a meeting"),
        ]
    )
    node = forms.CharField(max_length=80, required=False)


class NotificationForm(forms.Form):
    """How a person wants to be told. An address is written to change it; a dash takes it away."""

    is_on = forms.BooleanField(required=False)
    time_zone = forms.CharField(max_length=60)
    quiet_from = forms.TimeField(required=False)
    quiet_until = forms.TimeField(required=False)
    batch_minutes = forms.IntegerField(min_value=0, max_value=1440)
    hourly_limit = forms.IntegerField(min_value=1, max_value=500)
    slack_url = forms.CharField(max_length=500, required=False)
    webhook_url = forms.CharField(max_length=500, required=False)
    webhook_secret = forms.CharField(max_length=200, required=False, widget=forms.PasswordInput)

    _ADDRESSES = ("slack_url", "webhook_url", "webhook_secret")

    @staticmethod
    def initial_of(own: NotificationSettings) -> dict[str, Any]:
        """What the form says before anything is changed."""
        names = ("is_on", "time_zone", "quiet_from", "quiet_until", "batch_minutes", "hourly_limit")
        return {name: getattr(own, name) for name in names}

    def clean_time_zone(self) -> str:
        """The name of a zone."""
        try:
            return zone(self.cleaned_data["time_zone"]).key
        except UnknownZone as error:
            raise forms.ValidationError("Write a zone such as Europe/Oslo.") from error

    def values(self) -> dict[str, Any]:
        """What is kept as it stands."""
        return {name: value for name, value in self.cleaned_data.items() if name not in self._ADDRESSES}

    def addresses(self) -> dict[str, str]:
        """The addresses that were written; a dash is an empty one."""
        given = {name: self.cleaned_data[name].strip() for name in self._ADDRESSES}
        return {name: "" if value == "-" else value for name, value in given.items() if value}
