"""Leads that have no value for a variable of the texts: the condition, how many they are, and the worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Length
from django.db.models.lookups import Regex

from campaigns.models import Lead, LeadChannel

CUSTOM: Final = "custom."
#: People that are looked at; the shares of a longer list are like those of its beginning.
LOOKED_AT: Final = 100_000
#: What counts as no value: nothing, or only white space.
_BLANK: Final = r"^\s*$"


def _column(name: str) -> Callable[[], Q]:
    return lambda: Q(Regex(Coalesce(F(name), Value(""), output_field=TextField()), _BLANK))


def _address(kind: str) -> Callable[[], Q]:
    return lambda: ~Q(Exists(LeadChannel.objects.filter(lead=OuterRef("pk"), kind=kind)))


_CONDITIONS: Final[dict[str, Callable[[], Q]]] = {
    "lead.first_name": _column("first_name"),
    "lead.last_name": _column("last_name"),
    "lead.full_name": lambda: _column("first_name")() & _column("last_name")(),
    "lead.title": _column("title"),
    "lead.country": _column("country"),
    "lead.email": _address("email"),
    "lead.phone": _address("sms"),
    "company.name": _column("company__name"),
    "company.domain": _column("company__domain"),
    "company.country": _column("company__country"),
}


def lacking(variable: str) -> Q | None:
    """Leads without a value for a variable; ``None`` for variables that are no matter of the lead."""
    if variable.startswith(CUSTOM):
        value = KeyTextTransform(variable.removeprefix(CUSTOM), "fields", output_field=TextField())
        return Q(Regex(Coalesce(value, Value(""), output_field=TextField()), _BLANK))
    condition = _CONDITIONS.get(variable)
    return condition() if condition is not None else None


def looked_at(leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """The first ``LOOKED_AT`` of ``leads``: however long a list is, looking through it ends."""
    return Lead.objects.filter(id__in=leads.order_by("id").values("id")[:LOOKED_AT])


def missing_counts(leads: QuerySet[Lead], names: Iterable[str]) -> tuple[int, dict[str, int]]:
    """How many of ``leads`` were looked at, and for each variable how many lack it; one statement."""
    conditions = {name: gap for name in names if (gap := lacking(name)) is not None}
    counted = looked_at(leads).aggregate(
        everybody=Count("id"),
        **{f"gap_{at}": Count("id", filter=gap) for at, gap in enumerate(conditions.values())},
    )
    return counted["everybody"], {name: counted[f"gap_{at}"] for at, name in enumerate(conditions)}


def worst_first(leads: QuerySet[Lead], names: Iterable[str]) -> QuerySet[Lead]:
    """``leads``, those first who lack most of these variables, then those with the longest names."""
    blanks: Combinable = Value(0, output_field=IntegerField())
    for name in names:
        if (gap := lacking(name)) is not None:
            blanks = blanks + Case(When(gap, then=1), default=0, output_field=IntegerField())
    size: Combinable = Length(Coalesce(F("company__name"), Value(""), output_field=TextField()))
    for column in ("first_name", "last_name", "title"):
        size = size + Length(column)
    return looked_at(leads).annotate(blanks=blanks, size=size).order_by("-blanks", "-size", "id")
