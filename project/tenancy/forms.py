"""Forms of tenancy: what people type; services check it again."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms

from project.core.refusals import Refused
from project.tenancy.models import Capability, Client, Organization, Role
from project.tenancy.services.entitlements import PROVIDERS

TIME_ZONES = [(name, name) for name in sorted(available_timezones()) if "/" in name or name == "UTC"]
COLOURS = list(enumerate(("Rust", "Blue", "Violet", "Ochre", "Pink", "Green", "Teal", "Slate"), start=1))
REACH = [("all", "All clients, also new ones"), ("some", "Only these clients")]
EXPIRY = [("30", "30 days"), ("90", "90 days"), ("365", "One year"), ("0", "Never")]


def show_refusal(form: forms.Form, refusal: Refused) -> None:
    """Show what a service refused beside the field it concerns."""
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)


class OrganizationForm(forms.Form):
    """Name and time zone of the organization."""

    name = forms.CharField(max_length=120)
    time_zone = forms.ChoiceField(
        choices=TIME_ZONES, help_text="Days of reports and new clients' working hours follow it."
    )

    @classmethod
    def of(cls, organization: Organization) -> OrganizationForm:
        """The form as it stands now."""
        return cls(initial={"name": organization.name, "time_zone": organization.time_zone})


class ClientForm(forms.Form):
    """A client: its name, colour mark and time zone."""

    name = forms.CharField(max_length=120)
    colour = forms.TypedChoiceField(choices=COLOURS, coerce=int, widget=forms.RadioSelect)
    time_zone = forms.ChoiceField(choices=TIME_ZONES)

    @classmethod
    def of(cls, client: Client) -> ClientForm:
        """The form as it stands now."""
        return cls(initial={"name": client.name, "colour": client.colour, "time_zone": client.time_zone})


class ReachForm(forms.Form):
    """A role and the clients it reaches."""

    role = forms.ChoiceField(choices=Role.choices, initial=Role.AGENT)
    reach = forms.ChoiceField(choices=REACH, initial="all", widget=forms.RadioSelect)
    client_ids = forms.MultipleChoiceField(
        required=False, label="Clients", widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, clients: list[Client], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["client_ids"]
        field.choices = [(str(client.id), client.name) for client in clients]

    def reach_values(self) -> dict[str, Any]:
        """What services call the reach: ``role``, ``all_clients``, ``client_ids`` (of a valid form)."""
        from uuid import UUID

        data = self.cleaned_data
        return {
            "role": data["role"],
            "all_clients": data["reach"] == "all" and data["role"] != Role.CLIENT,
            "client_ids": [UUID(client_id) for client_id in data["client_ids"]],
        }


class InvitationForm(ReachForm):
    """Whom to invite, and as what."""

    email = forms.EmailField(label="E-mail")
    field_order = ["email", "role", "reach", "client_ids"]


class TokenForm(forms.Form):
    """A new API token."""

    name = forms.CharField(max_length=80, help_text="What it is for, such as “CRM export”.")
    may_write = forms.BooleanField(required=False, label="May also change things")
    expires_in_days = forms.TypedChoiceField(choices=EXPIRY, coerce=int, initial="365", label="Ends after")


class EntitlementForm(forms.Form):
    """A capability, the provider that serves it, and for whom."""

    capability = forms.ChoiceField(choices=Capability.choices)
    provider = forms.ChoiceField(
        choices=[
            (Capability(capability).label, [(provider, provider) for provider in providers])
            for capability, providers in PROVIDERS.items()
        ]
    )
    client_id = forms.TypedChoiceField(required=False, label="For", coerce=str, empty_value=None)

    def __init__(self, *args: Any, clients: list[Client], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["client_id"]
        field.choices = [("", "All clients"), *((str(client.id), client.name) for client in clients)]


class AuditFilterForm(forms.Form):
    """Filters of the audit log."""

    action = forms.CharField(required=False, max_length=80, label="Act begins with")
    actor_id = forms.UUIDField(required=False, widget=forms.Select, label="Who")
    client_id = forms.UUIDField(required=False, widget=forms.Select, label="Client")
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))


class ProvisionForm(forms.Form):
    """A new organization with its first admin."""

    name = forms.CharField(max_length=120, label="Organization")
    slug = forms.SlugField(
        required=False,
        max_length=60,
        label="Address",
        help_text="Part of every link. Empty: made from the name.",
    )
    admin_email = forms.EmailField(label="E-mail of the first admin")
    time_zone = forms.ChoiceField(choices=TIME_ZONES, initial="UTC")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for capability, providers in PROVIDERS.items():
            self.fields[capability] = forms.ChoiceField(
                required=False,
                label=Capability(capability).label,
                choices=[("", "Not enabled"), *((provider, f"through {provider}") for provider in providers)],
            )

    def capabilities(self) -> dict[str, str]:
        """The chosen capabilities with their providers (of a valid form)."""
        return {name: self.cleaned_data[name] for name in PROVIDERS if self.cleaned_data[name]}


class JoinForm(forms.Form):
    """What a new person says about themselves."""

    name = forms.CharField(max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 10 characters.",
    )


class TimeZoneForm(forms.Form):
    """The zone that somebody is shown times in."""

    time_zone = forms.ChoiceField(
        required=False,
        label="Show times in",
        choices=[("", "The zone of each organization"), *TIME_ZONES],
    )


class ReasonForm(forms.Form):
    """Why staff stand for a member."""

    reason = forms.CharField(max_length=200, label="Why")
