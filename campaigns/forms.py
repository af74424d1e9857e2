"""What people send to campaigns and leads, checked."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.http import QueryDict

from campaigns.imports.mapping import FIELDS
from campaigns.plans.errors import PlanInvalid
from campaigns.plans.linear import NotLinear, Sequence, from_plan, parse_sequence, to_plan
from campaigns.plans.schema import Plan
from project.tenancy.access import Access

WEEKDAYS = [(0, "Mon"), (1, "Tue"), (2, "Wed"), (3, "Thu"), (4, "Fri"), (5, "Sat"), (6, "Sun")]
STEP_KINDS = {"invite": "Invitation", "message": "Message", "profile_view": "Profile visit"}
_COMMON_ZONES = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))


class CampaignForm(forms.Form):
    """A new campaign: its name and client."""

    name = forms.CharField(max_length=160, label="Name")
    client: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        queryset=None, label="Client", empty_label=None
    )

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["client"].queryset = access.clients().filter(is_archived=False)  # type: ignore[attr-defined]


class UploadForm(forms.Form):
    """A lead file for a client."""

    client: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        queryset=None, label="Client", empty_label=None
    )
    file = forms.FileField(label="CSV file", allow_empty_file=True)

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
        return {**data, "audience": audience, "sender_ids": senders}


def time_zones() -> list[str]:
    """Zones that the field suggests."""
    return ["UTC", *_COMMON_ZONES]


class SequenceEditor:
    """The sequence form: steps as people type them, also while they are not valid yet.

    ``steps`` are dictionaries with the form's values; ``errors`` maps ``steps[1].text`` to a sentence.
    """

    def __init__(self, steps: list[dict[str, Any]], close_days: str = "14") -> None:
        self.steps = steps
        self.close_days = close_days
        self.errors: dict[str, str] = {}
        self.general: list[str] = []

    @classmethod
    def of_plan(cls, plan: dict[str, Any]) -> SequenceEditor:
        """The editor of a stored plan; an empty one begins with an invitation. Raises ``NotLinear``."""
        if not plan:
            return cls(
                [{"kind": "invite", "id": "", "text": "", "delay": "0", "working": "1", "give_up": "14"}]
            )
        sequence = from_plan(Plan.model_validate(plan))
        return cls([_typed(step) for step in sequence.steps], str(sequence.close_days))

    @classmethod
    def of_post(cls, data: QueryDict) -> SequenceEditor:
        """The editor as posted: parallel lists ``step_kind``, ``step_text``, ..."""
        names = ("kind", "id", "text", "delay", "working", "give_up")
        columns = {name: data.getlist(f"step_{name}") for name in names}
        count = min(len(columns["kind"]), 40)
        steps = [
            {name: (columns[name][index] if index < len(columns[name]) else "") for name in names}
            for index in range(count)
        ]
        return cls(steps, data.get("close_days", "14"))

    def operate(self, operation: str) -> None:
        """Add (``add:message``), remove (``remove:2``) or move (``up:2``, ``down:2``) a step; else do nothing."""
        act, _, argument = operation.partition(":")
        index = int(argument) if argument.isdigit() else -1
        if act == "add" and argument in STEP_KINDS and len(self.steps) < 30:
            delay = "0" if not self.steps else "3"
            self.steps.append(
                {"kind": argument, "id": "", "text": "", "delay": delay, "working": "1", "give_up": "14"}
            )
        elif act == "remove" and 0 <= index < len(self.steps):
            del self.steps[index]
        elif act in {"up", "down"} and 0 <= index < len(self.steps):
            other = index + (-1 if act == "up" else 1)
            if 0 <= other < len(self.steps):
                self.steps[index], self.steps[other] = self.steps[other], self.steps[index]

    def sequence(self, time_zone: str) -> Sequence | None:
        """The valid sequence, or ``None`` with ``errors`` filled."""
        steps = []
        for number, step in enumerate(self.steps):
            first = number == 0
            made = {
                "kind": step["kind"],
                "id": step["id"],
                "delayDays": _number(step["delay"], 0) if not first else 0,
                "workingDays": step["working"] != "0",
            }
            if step["kind"] == "invite":
                made |= {"note": step["text"], "giveUpDays": _number(step["give_up"], 14)}
            elif step["kind"] == "message":
                made["text"] = step["text"]
            steps.append(made)
        data = {"timezone": time_zone, "steps": steps, "closeDays": _number(self.close_days, 14)}
        try:
            sequence = parse_sequence(data)
            to_plan(sequence)
        except PlanInvalid as invalid:
            for error in invalid.errors:
                if error.field.startswith("steps["):
                    self.errors.setdefault(error.field, error.message)
                else:
                    self.general.append(error.message)
            return None
        return sequence

    def rows(self) -> list[dict[str, Any]]:
        """The steps with number, label, errors and what the template needs."""
        made = []
        for index, step in enumerate(self.steps):
            prefix = f"steps[{index}]"
            found = [message for field, message in self.errors.items() if field.startswith(prefix)]
            made.append(
                {
                    **step,
                    "index": index,
                    "number": index + 1,
                    "label": STEP_KINDS.get(step["kind"], step["kind"]),
                    "errors": found,
                    "is_first": index == 0,
                    "is_last": index == len(self.steps) - 1,
                    "after_invite": index > 0 and self.steps[index - 1]["kind"] == "invite",
                }
            )
        return made


def _typed(step: Any) -> dict[str, Any]:
    return {
        "kind": step.kind,
        "id": step.id,
        "text": getattr(step, "note", "") or getattr(step, "text", ""),
        "delay": str(step.delay_days),
        "working": "1" if step.working_days else "0",
        "give_up": str(getattr(step, "give_up_days", 14)),
    }


def _number(text: str, default: int) -> int | str:
    """A whole number, or the text as it is, for the plan's own check to refuse."""
    text = text.strip()
    if not text:
        return default
    return int(text) if text.isdigit() else text


__all__ = [
    "STEP_KINDS",
    "WEEKDAYS",
    "CampaignForm",
    "NotLinear",
    "SequenceEditor",
    "SettingsForm",
    "SnippetForm",
    "UploadForm",
    "mapping_of",
    "time_zones",
]
