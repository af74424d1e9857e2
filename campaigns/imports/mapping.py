"""From cells to people: which column means what, and what each row would become."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from campaigns import identity
from campaigns.imports.reading import RawRow

#: Fields a column may be mapped to, with the label shown in the form. ``custom`` keeps the column's own name.
FIELDS: dict[str, str] = {
    "first_name": "First name",
    "last_name": "Last name",
    "full_name": "Full name",
    "title": "Job title",
    "company": "Company",
    "linkedin": "LinkedIn profile",
    "email": "E-mail",
    "phone": "Phone",
    "country": "Country (two letters)",
    "time_zone": "Time zone",
    "custom": "Keep as own field",
    "skip": "Leave out",
}
_SINGLE = set(FIELDS) - {"custom", "skip"}
_GUESSES: dict[str, str] = {
    "first_name": r"^(first|given)[ _]?name$|^vorname$|^pr[ée]nom$",
    "last_name": r"^(last|family|sur)[ _]?name$|^surname$|^nachname$",
    "full_name": r"^(full[ _]?)?name$|^contact([ _]name)?$|^person$",
    "title": r"^(job[ _]?)?title$|^position$|^role$|^headline$",
    "company": r"^(company|organi[sz]ation|account|employer)([ _]?name)?$|^firma$",
    "linkedin": r"linked[ _]?in|^profile([ _]?url)?$",
    "email": r"e-?mail",
    "phone": r"phone|mobile|^tel",
    "country": r"^country([ _]?code)?$|^land$",
    "time_zone": r"^time[ _]?zone$|^tz$",
}


class InvalidMapping(ValueError):
    """The chosen mapping cannot be used; the message names the problem."""


@dataclass(slots=True)
class RowDraft:
    """What one row would become: the person, its addresses ``{kind: (as written, normalised)}``, or an error."""

    number: int
    values: list[str]
    first_name: str = ""
    last_name: str = ""
    title: str = ""
    company: str = ""
    country: str = ""
    time_zone: str = ""
    addresses: dict[str, tuple[str, str]] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    error: str = ""

    @property
    def keys(self) -> list[tuple[str, str]]:
        """The identities of the person: ``(kind, normalised address)``."""
        return [(kind, normalized) for kind, (_, normalized) in self.addresses.items()]


def suggest(headers: list[str]) -> dict[str, str]:
    """Guess the field of each column from its name; each single field is given away once."""
    mapping: dict[str, str] = {}
    taken: set[str] = set()
    for index, header in enumerate(headers):
        guess = next(
            (
                name
                for name, pattern in _GUESSES.items()
                if name not in taken and re.search(pattern, header.strip().lower())
            ),
            "custom",
        )
        taken.add(guess)
        mapping[str(index)] = guess
    return mapping


def check(mapping: dict[str, str], headers: list[str]) -> None:
    """Check a mapping: known fields, single ones once, and one that tells people apart. Raises ``InvalidMapping``."""
    used: dict[str, int] = {}
    for index in range(len(headers)):
        chosen = mapping.get(str(index), "skip")
        if chosen not in FIELDS:
            raise InvalidMapping(f"Column “{headers[index]}”: {chosen!r} is not a field.")
        used[chosen] = used.get(chosen, 0) + 1
    twice = [FIELDS[name] for name in _SINGLE if used.get(name, 0) > 1]
    if twice:
        raise InvalidMapping(f"{', '.join(sorted(twice))}: choose one column only.")
    if not any(used.get(name) for name in ("linkedin", "email", "phone")):
        raise InvalidMapping(
            "Choose a column for LinkedIn profile, e-mail or phone: people are told apart by it."
        )


def draft(row: RawRow, mapping: dict[str, str], headers: list[str]) -> RowDraft:
    """Turn one row into a ``RowDraft``; a problem is stated in its ``error`` and never raised."""
    made = RowDraft(row.number, row.cells, error=row.error)
    if made.error:
        return made
    full_name = ""
    for index, cell in enumerate(row.cells[: len(headers)]):
        name = mapping.get(str(index), "skip")
        text = " ".join(cell.split())
        if not text or name == "skip":
            continue
        if name == "custom":
            made.fields[headers[index]] = text[:2000]
        elif name in {"linkedin", "email", "phone"}:
            made.addresses[name] = (text[:300], "")
        elif name == "full_name":
            full_name = text
        else:
            setattr(made, name, text[:120])
    if full_name and not made.first_name and not made.last_name:
        made.first_name, _, made.last_name = (part[:120] for part in full_name.partition(" "))
    _normalise(made)
    return made


def gaps(made: RowDraft, mapping: dict[str, str], headers: list[str]) -> list[str]:
    """Return the variables (``lead.first_name``, ``custom.City``) that a mapped column leaves blank in a row.

    A text that uses one of them without a fallback would not leave for this person.
    """
    chosen = set(mapping.values())
    blank = [f"lead.{name}" for name in ("first_name", "last_name", "title") if not getattr(made, name)]
    found = [name for name in blank if name.removeprefix("lead.") in chosen or "full_name" in chosen]
    if "title" not in chosen and "lead.title" in found:
        found.remove("lead.title")
    if "company" in chosen and not made.company:
        found.append("company.name")
    own = [
        headers[int(index)]
        for index, name in mapping.items()
        if name == "custom" and int(index) < len(headers)
    ]
    return [*found, *(f"custom.{header}" for header in own if header not in made.fields)]


def _normalise(made: RowDraft) -> None:
    if made.country:
        if not re.fullmatch(r"[A-Za-z]{2}", made.country):
            made.fields.setdefault("country", made.country)
            made.country = ""
        made.country = made.country.upper()
    if not made.addresses:
        made.error = "no LinkedIn profile, e-mail or phone"
        return
    for kind, (written, _) in list(made.addresses.items()):
        try:
            if kind == "linkedin":
                normalized = identity.linkedin_identifier(written)
            elif kind == "email":
                normalized = identity.email_address(written)
            else:
                normalized = identity.phone_number(written, made.country)
        except identity.InvalidAddress as error:
            made.error = f"{FIELDS[kind]} “{written[:60]}”: {error}"
            return
        made.addresses[kind] = (written, normalized)
