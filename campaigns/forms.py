"""What people send to campaigns and leads, checked."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.http import QueryDict

from campaigns.imports.mapping import FIELDS
from campaigns.models import Campaign
from campaigns.simulation.script import Script
from project.tenancy.access import Access

WEEKDAYS = [(0, "Mon"), (1, "Tue"), (2, "Wed"), (3, "Thu"), (4, "Fri"), (5, "Sat"), (6, "Sun")]
_COMMON_ZONES = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))


class CampaignForm(forms.Form):
    """A new campaign: its name, its client, and who runs it."""

    name = forms.CharField(max_length=160, label="Name")
    client: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        queryset=None, label="Client", empty_label=None
    )
    run_on = forms.ChoiceField(
        choices=[
            ("", "Our engine"),
            ("email", "The client's provider of e-mail campaigns"),
            ("linkedin", "The client's provider of LinkedIn campaigns"),
        ],
        required=False,
        label="Run by",
    )

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["client"].queryset = access.clients().filter(is_archived=False)  # type: ignore[attr-defined]


class CopyForm(forms.Form):
    """A copy of a campaign: under which name, for whom, and whether for the same leads."""

    name = forms.CharField(max_length=160, label="Name")
    client: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        queryset=None, label="Client", empty_label=None
    )
    with_audience = forms.BooleanField(required=False, label="For the same leads, too (same client only)")

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["client"].queryset = access.clients().filter(is_archived=False)  # type: ignore[attr-defined]


class UploadForm(forms.Form):
    """A lead file for a client."""

    client: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        queryset=None, label="Client", empty_label=None
    )
    file = forms.FileField(label="File", allow_empty_file=True)

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["client"].queryset = access.clients().filter(is_archived=False)  # type: ignore[attr-defined]


class SnippetForm(forms.Form):
    """A piece of text for one client or for all of them."""

    client: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        queryset=None, label="Client", required=False
    )
    name = forms.CharField(max_length=40, label="Name", help_text="Small letters, digits and underscores.")
    text = forms.CharField(widget=forms.Textarea(attrs={"rows": 5}), max_length=10_000, label="Text")

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["client"]
        field.queryset = access.clients().filter(is_archived=False)
        if access.whole_organization:
            field.empty_label = "All clients"
        else:
            field.required, field.empty_label = True, None

    def values(self) -> dict[str, Any]:
        """The arguments of ``services.snippets.save``."""
        client = self.cleaned_data["client"]
        return {
            "client_id": client.id if client else None,
            "name": self.cleaned_data["name"],
            "text": self.cleaned_data["text"],
        }


class HolidayForm(forms.Form):
    """Days off for everybody, one client or one campaign."""

    client: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        queryset=None, label="Client", required=False
    )
    campaign: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        queryset=None, label="Campaign", required=False, empty_label="All campaigns"
    )
    first = forms.DateField(label="First day", widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Included; empty for one day.",
    )
    name = forms.CharField(max_length=80, required=False, label="What it is")

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        client: Any = self.fields["client"]
        campaign: Any = self.fields["campaign"]
        client.queryset = access.clients().filter(is_archived=False)
        campaign.queryset = Campaign.objects.filter(access.client_filter()).exclude(
            status=Campaign.Status.ARCHIVED
        )
        if access.whole_organization:
            client.empty_label = "All clients"
        else:
            client.required, client.empty_label = True, None

    def values(self) -> dict[str, Any]:
        """The arguments of ``services.holidays.add``."""
        given = self.cleaned_data
        client, campaign = given["client"], given["campaign"]
        return {
            "client_id": client.id if client else None,
            "campaign_id": campaign.id if campaign else None,
            "first": given["first"],
            "last": given["last"],
            "name": given["name"],
        }


class SimulationForm(forms.Form):
    """How long to simulate, and the shares that matter most, in percent."""

    days = forms.IntegerField(label="Days", min_value=1, max_value=365, initial=60)
    accepts = forms.FloatField(label="Accept, %", min_value=0, max_value=100, initial=28)
    opens = forms.FloatField(label="Open, %", min_value=0, max_value=100, initial=35)
    replies = forms.FloatField(label="Reply to e-mail, %", min_value=0, max_value=100, initial=3)
    replies_linkedin = forms.FloatField(label="Reply on LinkedIn, %", min_value=0, max_value=100, initial=12)
    bounces = forms.FloatField(label="Bounce, %", min_value=0, max_value=100, initial=2)
    absent = forms.FloatField(label="Out of office, %", min_value=0, max_value=100, initial=4)
    unsubscribes = forms.FloatField(label="Unsubscribe, %", min_value=0, max_value=100, initial=0.6)

    def values(self) -> dict[str, Any]:
        """The arguments of ``services.simulations.start``: the defaults with these shares."""
        given = self.cleaned_data
        script = Script().model_dump(mode="json")
        for action, habit, name in (
            ("invite", "accepts", "accepts"),
            ("email", "opens", "opens"),
            ("email", "replies", "replies"),
            ("message", "replies", "replies_linkedin"),
            ("email", "bounces", "bounces"),
            ("email", "out_of_office", "absent"),
            ("email", "unsubscribes", "unsubscribes"),
        ):
            script[action][habit]["share"] = given[name] / 100
        return {"days": given["days"], "script": script}


def mapping_of(data: QueryDict, headers: list[str]) -> dict[str, str]:
    """The chosen mapping of a posted form: ``column-<index>`` to field."""
    chosen = {str(index): data.get(f"column-{index}", "skip") for index in range(len(headers))}
    return {index: name if name in FIELDS else "skip" for index, name in chosen.items()}


class SettingsForm(forms.Form):
    """When, whom, by whom."""

    name = forms.CharField(max_length=160, label="Name")
    time_zone = forms.CharField(max_length=64, label="Time zone")
    use_lead_time_zone = forms.BooleanField(
        required=False, label="Use the lead's own time zone where it is known"
    )
    weekdays = forms.TypedMultipleChoiceField(choices=WEEKDAYS, coerce=int, label="Days")
    start = forms.RegexField(r"^\d\d:\d\d$", label="From")
    end = forms.RegexField(r"^\d\d:\d\d$", label="Until")
    holiday_country = forms.CharField(max_length=2, required=False, label="Public holidays of")
    audience = forms.CharField(label="Whom")
    reply_stops = forms.ChoiceField(
        choices=Campaign.ReplyStops.choices, required=False, label="A reply stops"
    )
    exclusive = forms.BooleanField(required=False, label="Keep leads to this campaign while it runs")
    reentry_days = forms.IntegerField(
        required=False, min_value=0, max_value=3650, label="Days since their last campaign"
    )
    senders = forms.MultipleChoiceField(required=False, label="Senders")

    def __init__(self, *args: Any, senders: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["senders"].choices = [(str(sender.id), sender.name) for sender in senders]  # type: ignore[attr-defined]

    def clean_time_zone(self) -> str:
        """A known zone, in any case of letters."""
        given = self.cleaned_data["time_zone"].strip()
        known = next((zone for zone in ("UTC", *_COMMON_ZONES) if zone.lower() == given.lower()), None)
        if known is None:
            raise forms.ValidationError("This is not a time zone. Write it like Europe/Stockholm.")
        return known

    def values(self) -> dict[str, Any]:
        """The arguments of ``CampaignSettings``."""
        data = dict(self.cleaned_data)
        chosen, senders = data.pop("audience"), data.pop("senders")
        audience = {"kind": "all"} if chosen == "all" else {"kind": "import", "import_id": chosen}
        data["reply_stops"] = data["reply_stops"] or Campaign.ReplyStops.LEAD
        data["reentry_days"] = data["reentry_days"] or 0
        return {**data, "audience": audience, "sender_ids": senders}


def time_zones() -> list[str]:
    """Zones that the field suggests."""
    return ["UTC", *_COMMON_ZONES]


__all__ = [
    "WEEKDAYS",
    "CampaignForm",
    "HolidayForm",
    "SettingsForm",
    "SimulationForm",
    "SnippetForm",
    "UploadForm",
    "mapping_of",
    "time_zones",
]


class SegmentForm(forms.Form):
    """A name for the leads as they are narrowed now."""

    name = forms.CharField(max_length=60)
    is_shared = forms.BooleanField(required=False)
