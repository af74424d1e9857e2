"""What people send about leads, checked."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from django import forms

from campaigns.lead_values import KINDS
from campaigns.models import Lead
from campaigns.models.lead_acts import LEAD_ACT_WORDS
from integrations.models.connections import Channel
from project.core.ids import parse_uuid
from project.core.refusals import Invalid
from project.tenancy.access import Access


class LeadActForm(forms.Form):
    """An act on the picked leads (``lead``, several), or on all that the table shows (``all`` and its ``query``)."""

    act = forms.ChoiceField(
        choices=list(LEAD_ACT_WORDS.items()), error_messages={"required": "Choose what to do."}
    )
    all = forms.BooleanField(required=False)
    query = forms.CharField(max_length=1000, required=False)
    owner = forms.UUIDField(required=False)
    label = forms.CharField(max_length=40, required=False)
    campaign = forms.UUIDField(required=False)
    reason = forms.CharField(max_length=200, required=False)

    @property
    def ids(self) -> list[UUID]:
        """The leads that were picked; what is no id is left out."""
        values: list[Any] = self.data.getlist("lead") if hasattr(self.data, "getlist") else []
        return [found for value in values if (found := parse_uuid(value)) is not None]

    @property
    def choice(self) -> dict[str, str]:
        """The parameters of the table that was looked at."""
        return dict(parse_qsl(self.cleaned_data["query"]))

    @property
    def given(self) -> dict[str, Any]:
        """What the act is given."""
        names = {
            "assign": ("owner",),
            "label": ("label",),
            "unlabel": ("label",),
            "enroll": ("campaign",),
            "suppress": ("reason",),
        }
        found = {name: self.cleaned_data[name] for name in names.get(self.cleaned_data["act"], ())}
        if "label" in found:
            found["label"] = " ".join(found["label"].lower().split())
        return {name: str(value or "") for name, value in found.items()}


class OtherLeadForm(forms.Form):
    """The other of two leads."""

    other = forms.UUIDField()


class AddressValueForm(forms.Form):
    """An address as a person writes it."""

    value = forms.CharField(max_length=300, error_messages={"required": "Write the address."})

    def values(self) -> dict[str, Any]:
        """What the service takes. Raises ``Invalid``."""
        if not self.is_valid():
            name, texts = next(iter(self.errors.items()))
            raise Invalid(str(texts[0]), field=name)
        return dict(self.cleaned_data)


class AddressForm(AddressValueForm):
    """A new address of a lead."""

    kind = forms.ChoiceField(choices=Channel.choices)


class EraseForm(forms.Form):
    """Erasing a lead: their name typed, so that nobody does it by a slip, and why."""

    name = forms.CharField(max_length=250, error_messages={"required": "Type the person's name."})
    reason = forms.CharField(
        max_length=200, error_messages={"required": "Say why; it is kept with who did it."}
    )

    def __init__(self, *args: Any, lead: Lead, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lead = lead

    def clean_name(self) -> str:
        """The name as it stands on the page."""
        name = str(self.cleaned_data["name"])
        if " ".join(name.split()).casefold() != self.lead.full_name.casefold():
            raise forms.ValidationError(f"Type “{self.lead.full_name}” to erase them.")
        return name


class LeadFieldForm(forms.Form):
    """A custom field: its client, name and kind; of a choice, what may be chosen, a line each."""

    client: forms.ModelChoiceField[Any] = forms.ModelChoiceField(queryset=None, label="Client")
    name = forms.CharField(max_length=80, label="Name", help_text="As the column of a file is called.")
    kind = forms.ChoiceField(choices=list(KINDS.items()), label="Kind")
    options = forms.CharField(
        required=False,
        max_length=8_000,
        label="Values to choose from",
        help_text="One in each line; for “One of a list”.",
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        clients: Any = self.fields["client"]
        clients.queryset = access.clients().filter(is_archived=False).order_by("name", "id")

    def values(self) -> dict[str, Any]:
        """What the service takes."""
        return {
            "client": self.cleaned_data["client"],
            "name": self.cleaned_data["name"],
            "kind": self.cleaned_data["kind"],
            "options": self.cleaned_data["options"].splitlines(),
        }


class LeadForm(forms.Form):
    """A lead's own values; ``field-<name>`` are those of custom fields."""

    first_name = forms.CharField(max_length=120, required=False)
    last_name = forms.CharField(max_length=120, required=False)
    title = forms.CharField(max_length=200, required=False)
    company = forms.CharField(max_length=200, required=False)
    country = forms.CharField(max_length=2, required=False)
    time_zone = forms.CharField(max_length=64, required=False)

    PREFIX = "field-"

    def values(self) -> dict[str, Any]:
        """What the service takes: only what was sent."""
        sent = {
            name: self.cleaned_data[name] for name in self.fields if name in self.data and name != "company"
        }
        custom = {
            key.removeprefix(self.PREFIX): str(value)
            for key, value in self.data.items()
            if key.startswith(self.PREFIX)
        }
        company = self.cleaned_data["company"] if "company" in self.data else None
        return {"values": sent, "fields": custom, "company": company}
