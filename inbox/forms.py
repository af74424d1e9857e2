"""What people send to the inbox, checked."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from campaigns.models import Deal
from campaigns.scheduling.zones import UnknownZone, to_instant, zone
from inbox.models import Conversation, NotificationSettings, ReplyDraft
from inbox.models.triage import ACT_WORDS
from integrations.models.connections import Channel
from project.core.ids import parse_uuid
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
    cc = forms.CharField(max_length=2000, required=False)
    bcc = forms.CharField(max_length=2000, required=False)
    leaves_at = forms.CharField(max_length=40, required=False)
    canned = forms.UUIDField(required=False)
    despite_others = forms.BooleanField(required=False)

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


class DepartureForm(forms.Form):
    """When a scheduled reply leaves: a time in the viewer's zone; left out altogether: at once."""

    at = forms.CharField(max_length=40, required=False)

    def clean_at(self) -> datetime | None:
        """An instant; nothing only where nothing was said."""
        if "at" not in self.data:
            return None
        try:
            found = parse_datetime(self.cleaned_data["at"])
        except ValueError:
            found = None
        if found is None:
            raise forms.ValidationError("Choose a day and a time.")
        try:
            return found if found.tzinfo else to_instant(found, zone(timezone.get_current_timezone_name()))
        except OverflowError as error:
            raise forms.ValidationError("Choose a day and a time.") from error


class DraftForm(forms.Form):
    """What somebody is writing."""

    body = forms.CharField(max_length=20_000, strip=False, required=False)
    mode = forms.ChoiceField(choices=ReplyDraft.Mode.choices, required=False)
    sender_id = forms.UUIDField(required=False)
    cc = forms.CharField(max_length=2000, required=False)
    bcc = forms.CharField(max_length=2000, required=False)
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
    """A note, and whether the client's people see it."""

    body = forms.CharField(max_length=20_000, strip=False, required=False)
    show_to_client = forms.BooleanField(required=False)


class AssignmentForm(forms.Form):
    """Whom a conversation is given to (empty for nobody), and what they should know."""

    assignee = forms.UUIDField(required=False)
    note = forms.CharField(max_length=2_000, required=False)
    despite_claim = forms.BooleanField(required=False)


class SnoozeForm(forms.Form):
    """Until when a conversation is put away: a preset's key (``inbox.snoozing``) or an exact time."""

    snooze = forms.CharField(max_length=20, required=False)
    until = forms.DateTimeField(required=False)

    def clean(self) -> dict[str, Any]:
        """One of the two."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not cleaned.get("snooze") and not cleaned.get("until"):
            self.add_error("snooze", "Choose until when.")
        return cleaned


class ActForm(forms.Form):
    """An act on conversations: which, and what it is given."""

    act = forms.ChoiceField(
        choices=list(ACT_WORDS.items()),
        error_messages={"required": "Choose what to do.", "invalid_choice": "There is no such act."},
    )
    #: Ids, separated by commas.
    ids = forms.CharField(max_length=200_000, required=False)
    assignee = forms.UUIDField(required=False)
    note = forms.CharField(max_length=2_000, required=False)
    #: Whoever acts has been told that somebody else has claimed it.
    despite_claim = forms.BooleanField(required=False)
    label = forms.UUIDField(required=False)
    priority = forms.TypedChoiceField(
        choices=Conversation.Priority.choices, coerce=int, required=False, empty_value=None
    )
    #: A preset's key, or an exact time.
    snooze = forms.CharField(max_length=20, required=False)
    until = forms.DateTimeField(required=False)
    macro = forms.UUIDField(required=False)
    #: Of closing, snoozing and macros: ``id:revision`` of what is on the screen, separated by commas.
    seen = forms.CharField(max_length=400_000, required=False)

    def clean_seen(self) -> dict[UUID, int]:
        """The revision of each conversation that was seen; what is no pair is passed over."""
        pairs = (part.partition(":") for part in self.cleaned_data["seen"].split(",") if part)
        found = {
            parse_uuid(one): int(number)
            for one, _, number in pairs
            if number.isdecimal() and len(number) < 10
        }
        return {one: number for one, number in found.items() if one is not None}

    def clean_ids(self) -> list[UUID]:
        """The ids, each once."""
        found = [parse_uuid(part) for part in self.cleaned_data["ids"].split(",") if part]
        if None in found:
            raise forms.ValidationError("These are no conversations.")
        return list(dict.fromkeys(one for one in found if one is not None))

    def clean(self) -> dict[str, Any]:
        """What an act cannot do without."""
        cleaned: dict[str, Any] = super().clean() or {}
        act = cleaned.get("act")
        if act in {"label", "unlabel"} and not cleaned.get("label"):
            self.add_error("label", "Choose a label.")
        if act == "priority" and cleaned.get("priority") is None:
            self.add_error("priority", "Choose how urgent it is.")
        if act == "macro" and not cleaned.get("macro"):
            self.add_error("macro", "Choose a macro.")
        if act == "snooze" and not cleaned.get("snooze") and not cleaned.get("until"):
            self.add_error("snooze", "Choose until when.")
        return cleaned

    @property
    def given(self) -> dict[str, Any]:
        """What the act is given, as the journal keeps it."""
        cleaned = self.cleaned_data
        match cleaned["act"]:
            case "assign":
                return {
                    "assignee": str(cleaned["assignee"] or ""),
                    "note": cleaned["note"],
                    "despite_claim": cleaned["despite_claim"],
                }
            case "label" | "unlabel":
                return {"label": str(cleaned["label"])}
            case "priority":
                return {"priority": cleaned["priority"]}
            case "snooze" if cleaned["until"]:
                return {"until": cleaned["until"].isoformat()}
            case "snooze":
                return {"snooze": cleaned["snooze"]}
        return {}

    @property
    def choice(self) -> dict[str, str]:
        """The list that an act on all of it is meant for."""
        return dict(parse_qsl(str(self.data.get("query", ""))))


class SavedViewForm(forms.Form):
    """A name for the list as it is narrowed now."""

    name = forms.CharField(max_length=60)
    is_shared = forms.BooleanField(required=False)

    @property
    def choice(self) -> dict[str, str]:
        """The parameters of the list."""
        return dict(parse_qsl(str(self.data.get("query", ""))))


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
            ("no_meeting", "Take the meeting back"),
            ("enter", "Put into another campaign"),
        ]
    )
    node = forms.CharField(max_length=80, required=False)
    campaign = forms.UUIDField(required=False)


class DealForm(forms.Form):
    """What stands with the lead of a thread; ``remove`` takes it away."""

    stage = forms.ChoiceField(choices=Deal.Stage.choices, required=False)
    value = forms.DecimalField(min_value=0, max_digits=14, decimal_places=2, required=False)
    currency = forms.CharField(max_length=3, required=False)
    meeting_on = forms.DateField(required=False)


class IntentForm(forms.Form):
    """What a reply really means, and until when somebody is away."""

    intent = forms.CharField(max_length=24)
    returns_on = forms.DateField(required=False)


class NotificationForm(forms.Form):
    """How a person wants to be told. An address is written to change it; a dash takes it away."""

    is_on = forms.BooleanField(required=False)
    time_zone = forms.CharField(max_length=60)
    quiet_from = forms.TimeField(required=False, widget=forms.TimeInput(attrs={"type": "time"}))
    quiet_until = forms.TimeField(required=False, widget=forms.TimeInput(attrs={"type": "time"}))
    batch_minutes = forms.IntegerField(min_value=0, max_value=1440)
    hourly_limit = forms.IntegerField(min_value=1, max_value=500)
    slack_url = forms.CharField(max_length=500, required=False)
    slack_signing_secret = forms.CharField(max_length=200, required=False, widget=forms.PasswordInput)
    slack_member = forms.CharField(max_length=40, required=False)
    webhook_url = forms.CharField(max_length=500, required=False)
    webhook_secret = forms.CharField(max_length=200, required=False, widget=forms.PasswordInput)

    _ADDRESSES = ("slack_url", "slack_signing_secret", "slack_member", "webhook_url", "webhook_secret")

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
