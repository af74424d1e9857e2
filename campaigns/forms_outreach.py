"""The form of a client's rules of outreach; the service checks it again."""

from __future__ import annotations

from typing import Any

from django import forms

from campaigns.models import OutreachPolicy
from integrations.models.connections import Channel
from project.tenancy.access import Access

_BASIS = OutreachPolicy.Basis


class OutreachForm(forms.Form):
    """Consent, address, footer, hours, checks."""

    legal_name = forms.CharField(
        max_length=160,
        required=False,
        label="Who writes",
        help_text="Stands in footers. Empty: the client's name.",
    )
    postal_address = forms.CharField(
        max_length=400,
        required=False,
        label="Postal address",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Street or registered box; stands under every campaign e-mail. No e-mail campaign starts without it.",
    )
    email_basis = forms.ChoiceField(
        required=False,
        label="Why these people may be e-mailed",
        choices=[("", "Not settled"), *_BASIS.choices],
    )
    email_basis_note = forms.CharField(
        max_length=1000,
        required=False,
        label="Where that is on record",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    sms_basis = forms.ChoiceField(
        required=False,
        label="Why these people may be texted",
        choices=[
            ("", "Not settled"),
            (_BASIS.CONSENT, _BASIS.CONSENT.label),
            (_BASIS.CUSTOMER, _BASIS.CUSTOMER.label),
        ],
    )
    sms_basis_note = forms.CharField(
        max_length=1000,
        required=False,
        label="Where that is on record (texts)",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    email_footer = forms.BooleanField(
        required=False, label="Put the postal address and an unsubscribe link under every campaign e-mail"
    )
    unsubscribe_text = forms.CharField(max_length=80, label="What the unsubscribe link is called")
    unsubscribe_scope = forms.ChoiceField(
        label="An unsubscribe counts for", choices=OutreachPolicy.Scope.choices
    )
    soft_bounce_days = forms.IntegerField(
        min_value=1, max_value=365, label="Days that an address rests after a bounce that may pass"
    )
    track_opens = forms.BooleanField(required=False, label="Track openings")
    track_clicks = forms.BooleanField(required=False, label="Track clicks (rewrites links)")
    address_policy = forms.ChoiceField(label="E-mail addresses", choices=OutreachPolicy.AddressPolicy.choices)
    sms_stop_notice = forms.BooleanField(
        required=False, label="Say who writes and “Reply STOP” in the first text to a person"
    )
    sms_from_hour = forms.IntegerField(min_value=0, max_value=23, label="Texts leave from (hour there)")
    sms_until_hour = forms.IntegerField(min_value=1, max_value=24, label="Texts leave until (hour there)")

    def clean(self) -> dict[str, Any]:
        """Refuse hours that leave no time."""
        data = super().clean() or {}
        start, end = data.get("sms_from_hour"), data.get("sms_until_hour")
        if start is not None and end is not None and start >= end:
            self.add_error("sms_until_hour", "Must be later than the hour it begins.")
        return data


def _offer_clients(field: Any, access: Access) -> None:
    """One client, or all of them for whoever works for all."""
    field.queryset = access.clients().filter(is_archived=False)
    if access.whole_organization:
        field.empty_label = "All clients"
    else:
        field.required, field.empty_label = True, None


class SuppressionFileForm(forms.Form):
    """A file of addresses and domains that must not be contacted, for one client or for all of them."""

    client: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        queryset=None, label="Who must not write", required=False
    )
    file = forms.FileField(
        label="CSV file",
        help_text="One address or domain a row, at most 1,000 rows; columns channel, reason and until are used.",
    )

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "file_%s")
        super().__init__(*args, **kwargs)
        _offer_clients(self.fields["client"], access)


class SuppressionForm(forms.Form):
    """An address or an e-mail domain that must not be contacted, for one client or for all of them."""

    client: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        queryset=None, label="Who must not write", required=False
    )
    channel = forms.ChoiceField(
        label="Channel",
        choices=[(Channel.EMAIL, "E-mail"), (Channel.SMS, "SMS"), (Channel.LINKEDIN, "LinkedIn")],
    )
    value = forms.CharField(
        max_length=300,
        label="Address or domain",
        help_text="ana@example.com, example.com for everybody there, +46701740615, or a LinkedIn profile.",
    )
    reason = forms.CharField(max_length=200, required=False, label="Why")

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer_clients(self.fields["client"], access)

    def values(self) -> dict[str, Any]:
        """The arguments of ``services.suppression.add``."""
        given = self.cleaned_data
        is_email = given["channel"] == Channel.EMAIL
        return {
            "client_id": given["client"].id if given["client"] else None,
            "channel": given["channel"],
            "value": given["value"],
            "is_domain": is_email and "@" not in given["value"].strip()[1:],
            "reason": given["reason"],
            "expires_at": None,
        }
