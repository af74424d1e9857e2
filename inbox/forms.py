"""What people send to the inbox, checked."""

from __future__ import annotations

from django import forms


class ReplyForm(forms.Form):
    """A reply: the text, the browser's token, and the revision that the writer has seen."""

    body = forms.CharField(max_length=20_000, strip=False, required=False)
    client_token = forms.UUIDField()
    seen_revision = forms.IntegerField(min_value=0)


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

    act = forms.ChoiceField(choices=[("pause", "Pause"), ("resume", "Resume"), ("stop", "Stop")])
