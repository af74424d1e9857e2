"""Custom fields of a client's leads: their kinds, and the values that leads have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from campaigns.imports.mapping import RowDraft
from campaigns.lead_values import KINDS, InvalidValue, clean
from campaigns.models import Company, Lead, LeadField
from campaigns.scheduling.zones import UnknownZone, zone
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import Client, User

#: Fields of one client, and what one choice may offer.
MOST: Final = 100
MOST_OPTIONS: Final = 100
#: Columns of a lead that a person changes.
COLUMNS: Final = {"first_name": 120, "last_name": 120, "title": 200, "country": 2, "time_zone": 64}


@transaction.atomic
def define(
    *,
    client: Client,
    name: str,
    kind: str,
    options: Iterable[str],
    actor: User,
    field: LeadField | None = None,
) -> LeadField:
    """Make a custom field, or change one. Values that are there already stay as they are. Raises ``Invalid``."""
    text = " ".join(name.split())
    if not 1 <= len(text) <= 80:
        raise Invalid("A field's name has 1 to 80 characters.", field="name")
    if kind not in KINDS:
        raise Invalid("Choose a kind.", field="kind")
    chosen = list(dict.fromkeys(option for one in options if (option := " ".join(one.split()))))
    if kind == "choice" and not 1 <= len(chosen) <= MOST_OPTIONS:
        raise Invalid(f"Give 1 to {MOST_OPTIONS} values to choose from.", field="options")
    made = field or LeadField(client=client)
    if field is None and LeadField.objects.filter(client=client).count() >= MOST:
        raise Invalid(f"A client has at most {MOST} custom fields.", field="name")
    made.name, made.kind, made.options = text, kind, chosen if kind == "choice" else []
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError as error:
        raise Invalid(f"There is a field “{text}” already.", field="name") from error
    audit.record(actor=actor, action="lead_field.saved", subject=made, kind=kind, options=made.options)
    return made


@transaction.atomic
def remove(*, field: LeadField, actor: User) -> None:
    """Forget what kind a field is; leads keep their values, as text."""
    audit.record(actor=actor, action="lead_field.removed", subject=field)
    field.delete()


def fields_of(client_id: UUID) -> dict[str, LeadField]:
    """The custom fields of a client by name."""
    return {field.name: field for field in LeadField.objects.filter(client_id=client_id)}


def check_drafts(drafts: Sequence[RowDraft], fields: Mapping[str, LeadField]) -> None:
    """Bring the custom values of rows into form; a row with one that does not fit its field says so in ``error``."""
    for draft in drafts:
        for name, value in draft.fields.items():
            field = fields.get(name)
            if field is None or draft.error:
                continue
            try:
                draft.fields[name] = clean(field.kind, value, options=field.options)
            except InvalidValue as error:
                draft.error = f"{name} “{value[:60]}”: expected {error}"


@transaction.atomic
def change_lead(
    *,
    lead: Lead,
    values: Mapping[str, str],
    fields: Mapping[str, str],
    actor: User,
    company: str | None = None,
) -> Lead:
    """Change a lead's name, title, country, time zone, company and custom fields; an empty value takes one off.

    Raises ``Invalid``, naming the field.
    """
    from campaigns.services.leads import company_named

    locked: Lead = Lead.objects.select_for_update(of=("self",)).get(id=lead.id)
    if locked.erased_at is not None or locked.merged_into_id is not None:
        raise Invalid("This lead was erased or merged; there is nothing to change.")
    for name, value in values.items():
        setattr(locked, name, _column(name, value))
    kinds = fields_of(locked.client_id)
    kept = dict(locked.fields)
    for name, value in fields.items():
        kept[name] = _value(name, value, kinds.get(name))
    locked.fields = {name: value for name, value in kept.items() if value != ""}
    if company is not None:
        found: Company | None = company_named(locked.client_id, company) if company.strip() else None
        locked.company = found
    locked.save()
    changed = sorted([*values, *fields, *(["company"] if company is not None else [])])
    audit.record(actor=actor, action="lead.changed", subject=locked, fields=changed)
    return locked


def _column(name: str, value: str) -> str:
    text = " ".join(value.split())
    if len(text) > COLUMNS[name]:
        raise Invalid(f"At most {COLUMNS[name]} characters.", field=name)
    if name == "country":
        text = text.upper()
        if text and not (len(text) == 2 and text.isalpha() and text.isascii()):
            raise Invalid("A country is two letters, such as SE.", field=name)
    if name == "time_zone" and text:
        try:
            zone(text)
        except UnknownZone as error:
            raise Invalid("A time zone is called like Europe/Stockholm.", field=name) from error
    return text


def _value(name: str, value: str, field: LeadField | None) -> str:
    if not 1 <= len(name) <= 80:
        raise Invalid("A field's name has 1 to 80 characters.", field="fields")
    try:
        return clean(field.kind if field else "text", value, options=field.options if field else ())
    except InvalidValue as error:
        raise Invalid(f"{name}: expected {error}.", field=name) from error
