"""The rules of a client's e-mail and text messages: reading them, settling them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from campaigns.models import OutreachPolicy
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import Client, User

Basis = OutreachPolicy.Basis

FIELDS = (
    "legal_name", "postal_address", "email_basis", "email_basis_note", "sms_basis", "sms_basis_note", "email_footer",
    "unsubscribe_text", "unsubscribe_scope", "track_opens", "track_clicks", "sms_stop_notice", "sms_from_hour",
    "sms_until_hour", "address_policy", "soft_bounce_days",
)  # fmt: skip
_CHOICES = {
    "email_basis": ["", *Basis.values],
    "sms_basis": ["", Basis.CONSENT, Basis.CUSTOMER],
    "unsubscribe_scope": OutreachPolicy.Scope.values,
    "address_policy": OutreachPolicy.AddressPolicy.values,
}
_LONGEST = {
    "legal_name": 160,
    "postal_address": 400,
    "email_basis_note": 1000,
    "sms_basis_note": 1000,
    "unsubscribe_text": 80,
}


class PolicyRefused(Invalid):
    """The rules cannot be saved as given; the message says why."""


def policy_of(client_id: UUID) -> OutreachPolicy:
    """Return the rules of a client; what holds until somebody settles them, unsaved, if nobody has."""
    found: OutreachPolicy | None = OutreachPolicy.objects.filter(client_id=client_id).first()
    return found or OutreachPolicy(client_id=client_id)


def policy_for(client: Client) -> OutreachPolicy:
    """The same for a loaded client, read once for as long as the object lives (a batch of sends shares it)."""
    kept: OutreachPolicy | None = client.__dict__.get("_outreach_policy")
    if kept is None:
        kept = client.__dict__["_outreach_policy"] = policy_of(client.id)
    return kept


def values_of(policy: OutreachPolicy) -> dict[str, Any]:
    """The rules as they are put."""
    return {name: getattr(policy, name) for name in FIELDS}


@transaction.atomic
def save(*, client: Client, values: dict[str, Any], actor: User) -> OutreachPolicy:
    """Settle rules of a client; names that are not given stay. Raises ``PolicyRefused`` naming the field."""
    policy = OutreachPolicy.objects.select_for_update().filter(client=client).first() or OutreachPolicy(
        client=client
    )
    before = values_of(policy)
    for name, value in values.items():
        if name not in FIELDS:
            raise PolicyRefused(f"There is no rule called {name}.", field=name)
        setattr(policy, name, value.strip() if isinstance(value, str) else value)
    _check(policy)
    policy.save()
    changed = {name: value for name, value in values_of(policy).items() if value != before[name]}
    audit.record(
        actor=actor,
        action="client.outreach_rules_changed",
        subject=policy,
        client_id=client.id,
        before={name: before[name] for name in changed},
        after=changed,
    )
    client.__dict__.pop("_outreach_policy", None)
    return policy


def _check(policy: OutreachPolicy) -> None:
    if policy.sms_basis == Basis.LEGITIMATE_INTEREST:
        raise PolicyRefused(
            "Text messages need consent or a customer relation; legitimate interest is not enough.",
            field="sms_basis",
        )
    for name, allowed in _CHOICES.items():
        if getattr(policy, name) not in allowed:
            raise PolicyRefused("This is not one of the choices.", field=name)
    for name, most in _LONGEST.items():
        if len(getattr(policy, name)) > most:
            raise PolicyRefused(f"At most {most:,} characters fit here.", field=name)
    if not policy.unsubscribe_text:
        raise PolicyRefused("Say what the unsubscribe link is called.", field="unsubscribe_text")
    if not 0 <= policy.sms_from_hour < policy.sms_until_hour <= 24:
        raise PolicyRefused(
            "Texts need hours of the day to leave in, such as 9 to 20.", field="sms_until_hour"
        )
    if not 1 <= policy.soft_bounce_days <= 365:
        raise PolicyRefused("An address rests for 1 to 365 days.", field="soft_bounce_days")


def lacking(policy: OutreachPolicy, channel: str) -> list[str]:
    """What a client must settle before a campaign may use ``channel``, in plain words; nothing for LinkedIn."""
    wanted = []
    if channel == "email":
        if not policy.email_basis:
            wanted.append("why these people may be written to (consent basis)")
        if not policy.postal_address.strip():
            wanted.append("the postal address that stands under every e-mail")
    elif channel == "sms" and not policy.sms_basis:
        wanted.append("why these people may be texted (consent basis)")
    return wanted
