"""What people send to make macros, checked."""

from __future__ import annotations

from typing import Any

from django import forms

from inbox.models import CannedReply, Label, Macro
from inbox.selectors import canned_rows
from inbox.selectors_lists import labels, members
from inbox.services.macros import KEYS, SNOOZES, Parts
from project.core.ids import parse_uuid
from project.tenancy.access import Access
from project.tenancy.models import Client


class MacroForm(forms.Form):
    """Several acts under one name and one key."""

    name = forms.CharField(max_length=60)
    key = forms.ChoiceField(
        choices=[("", "None: from the menu"), *((one, one) for one in KEYS)], required=False
    )
    client: forms.ModelChoiceField[Client] = forms.ModelChoiceField(
        queryset=None, required=False, empty_label="All clients"
    )
    canned = forms.ChoiceField(required=False)
    label = forms.ChoiceField(required=False)
    #: One of ``Macro.Assign``, or a person's id.
    assign = forms.ChoiceField(required=False)
    #: ``close``, a preset of a snooze, or nothing.
    end = forms.ChoiceField(
        choices=[
            ("", "Leave it open"),
            ("close", "Close it"),
            *((key, f"Snooze it {said[0].lower()}{said[1:]}") for key, said in SNOOZES.items()),
        ],
        required=False,
    )
    is_mine = forms.BooleanField(required=False)

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["client"].queryset = access.clients().order_by("name")
        texts = canned_rows(access).order_by("name", "id")[:300]
        fields["canned"].choices = [("", "Send nothing"), *((str(row.id), _named(row)) for row in texts)]
        fields["label"].choices = [
            ("", "Put none on"),
            *((str(row.id), _named(row)) for row in labels(access)),
        ]
        fields["assign"].choices = [
            ("", "Leave it with whoever has it"),
            ("me", "Whoever runs it"),
            ("nobody", "Nobody"),
            *((str(row.id), row.display_name) for row in members(access)),
        ]
        self.access = access

    def clean(self) -> dict[str, Any]:
        """Whoever works for some clients makes macros for these."""
        data = super().clean() or {}
        if data.get("client") is None and not self.access.whole_organization and "client" not in self.errors:
            self.add_error("client", "Choose one of your clients.")
        return data

    @property
    def parts(self) -> Parts:
        """What it does, as the service takes it."""
        data = self.cleaned_data
        person = parse_uuid(data["assign"])
        snooze = data["end"] if data["end"] in SNOOZES else ""
        return Parts(
            canned_id=parse_uuid(data["canned"]),
            label_id=parse_uuid(data["label"]),
            assign=Macro.Assign.PERSON if person else data["assign"],
            assignee_id=person,
            end=Macro.End.SNOOZE if snooze else data["end"],
            snooze=snooze,
        )

    @staticmethod
    def initial_of(row: Macro) -> dict[str, Any]:
        """What the form says of a macro."""
        return {
            "name": row.name,
            "key": row.key,
            "client": row.client_id or "",
            "canned": str(row.canned_id or ""),
            "label": str(row.label_id or ""),
            "assign": str(row.assignee_id or row.assign),
            "end": row.snooze or row.end,
            "is_mine": row.owner_id is not None,
        }


def _named(row: CannedReply | Label) -> str:
    return f"{row.name}, {row.client}" if row.client is not None else row.name
