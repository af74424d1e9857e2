"""Invented people, texts and plans of the demo. Deterministic: the same seed gives the same organization."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

FIRST = (
    "Marta", "Priyanka", "Owen", "Joost", "Renata", "Ben", "Sofie", "Chiara", "Hamish", "Danuta", "Ingrid", "Kjell",
    "Mona", "Sigrid", "Jarle", "Turid", "Gro", "Oddvar", "Eli", "Nils", "Anouk", "Bram", "Femke", "Giulia", "Lorenzo",
    "Paola", "Tomasz", "Agnieszka", "Mateus", "Beatriz", "Aoife", "Cillian", "Yara", "Idris", "Noor",
)  # fmt: skip
LAST = (
    "Lindqvist", "Deshmukh", "Castellane", "Achterberg", "Sobczak", "Achieng", "Marklund", "Benedetti", "Dunmore",
    "Wilk", "Solheim", "Berntsen", "Aas", "Moe", "Fossum", "Lien", "Tangen", "Bakke", "Sunde", "Haug", "Vandenberg",
    "Dekker", "Visser", "Ferrari", "Greco", "Nowak", "Kaminska", "Costa", "Silva", "Byrne", "Haddad",
)  # fmt: skip
COMPANIES = (
    "Fjällmark Foods AB", "Lumeq Payments", "Harrow & Pike", "Delfhaven Cold Storage", "Klinika Brzozowa",
    "Pallas Cargo", "Nordlagret", "Albergo Lucente", "Strathmuir Freight", "Medikor", "Polarkjede AS",
    "Iskant Logistikk", "Havbris Terminal", "Fryseriet AS", "Tinde Lager", "Kystvarer", "Nordfrys",
    "Fiskelager Nord", "Zuiderpoort BV", "Terra Fredda SpA",
)  # fmt: skip
TITLES = (
    "VP Operations",
    "Head of Logistics",
    "COO",
    "Warehouse Director",
    "Head of Procurement",
    "CFO",
    "IT Director",
)
CITIES = (
    "Gothenburg",
    "Tromsø",
    "Rotterdam",
    "Milan",
    "Gdańsk",
    "Porto",
    "Cork",
    "Umeå",
    "Bergen",
    "Utrecht",
)

#: Threads that exist already: how they went, oldest message first. ``>`` is ours, ``<`` is theirs.
THREADS: tuple[tuple[str, ...], ...] = (
    (
        "> Thanks for connecting. Most mis-picks in deep freeze happen late in a shift. Is that so at yours?",
        "< It is, and the Kiruna number is what caught me. Tuesday at 10 would work. Could you show it on site?",
    ),
    (
        "> Thanks for connecting. Would ten minutes next week be fair?",
        "< Is pricing per transaction or per seat? Our CFO asks before she agrees to a call.",
    ),
    ("> Thanks for connecting.", "< Not me any more, Dana Whitlock in procurement runs this. Copied her."),
    (
        "> One number from Kiruna: 0.4 mis-picks per 1,000 lines.",
        "< Send me the case study in Dutch if you have it",
    ),
    ("> Thanks for connecting.", "< Who is this and where did you get my number?"),
    (
        "> Would Tuesday suit you?",
        "< Tuesday is fine, 15:00 my time.",
        "> Invitation sent for Tuesday, 15:00 your time.",
    ),
    ("> Thanks for connecting.", "< After the season. Ask me again in February"),
    ("> Thanks for connecting.", "< Interesting. What would a pilot with one hall look like?"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """One invented lead."""

    first_name: str
    last_name: str
    slug: str
    company: str
    title: str
    city: str


def people(count: int, seed: str) -> list[Person]:
    """Return ``count`` different people."""
    dice = random.Random(seed)  # noqa: S311 - invented data, not a secret
    made: dict[str, Person] = {}
    while len(made) < count:
        first, last = dice.choice(FIRST), dice.choice(LAST)
        plain = f"{first}-{last}".lower().replace("ø", "o").replace("å", "a")
        slug = plain if plain not in made else f"{plain}-{dice.randrange(10, 99)}"
        if slug not in made:
            made[slug] = Person(
                first, last, slug, dice.choice(COMPANIES), dice.choice(TITLES), dice.choice(CITIES)
            )
    return list(made.values())


_INVITE = (
    "Hi {{ lead.first_name | default: 'there' }}, a question on {{ company.name | default: 'your' }} halls."
)
_FIRST = (
    "Thanks for connecting, {{ lead.first_name | default: 'and hello' }}. Most mis-picks in deep freeze happen in the"
    " last two hours of a shift. Is that so at {{ company.name | default: 'yours' }}?"
)
_SECOND = "One number from Kiruna: 0.4 mis-picks per 1,000 lines in deep freeze. Would ten minutes next week be fair?"
_THIRD = (
    "Last note from me, {{ lead.first_name | default: 'promise' }}: shall I send the two-page case instead?"
)


def sequence(time_zone: str) -> dict[str, Any]:
    """The demo's sequence, as the browser's form would write it."""
    return {
        "timezone": time_zone,
        "steps": [
            {"kind": "invite", "note": _INVITE},
            {"kind": "message", "text": _FIRST},
            {"kind": "message", "delayDays": 3, "text": _SECOND},
            {"kind": "message", "delayDays": 4, "text": _THIRD},
        ],
    }
