"""Prospects: any LinkedIn slug, provider id, e-mail address or telephone number resolves to a person, always the
same one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from dataclasses import asdict, dataclass, fields, replace
from random import Random
from typing import Any

from integrations.sandbox.population import COMPANIES, FIRST_NAMES, LAST_NAMES, PLACES, ROLES
from integrations.sandbox.replies import INTENTS
from integrations.sandbox.store import Row, Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS people (
    provider_id TEXT PRIMARY KEY,
    slug TEXT UNIQUE NOT NULL,
    profile TEXT NOT NULL,
    behaviour TEXT NOT NULL DEFAULT '{}'
);
"""

#: Member ids as LinkedIn gives them per product: classic ACo/ADo, Sales Navigator ACw, Recruiter AE.
_MEMBER_ID = re.compile(r"A(?:Co|Do|Cw|E[A-Z])[A-Za-z0-9_-]{6,}\Z")
#: Slugs that resolve to nobody, so that a list can contain dead links.
_NOBODY = "nobody-"
#: What may become of an e-mail to somebody: arrives, unknown address, refused by policy, comes back later,
#: delayed, refused by the provider itself.
MAIL_FATES = ("deliver", "bounce", "block", "async_bounce", "defer", "drop")
#: What may become of a text to somebody: arrives, handset off, number not in use, a landline, filtered by the
#: carrier, lost in the provider's own queue.
TEXT_FATES = ("deliver", "unreachable", "unknown", "landline", "filtered", "queue_overflow")
#: How a person is reached, told from the identifier.
CHANNELS = ("linkedin", "email", "sms")


class InvalidOverride(Exception):
    """A person cannot be changed that way; the text names the field."""


@dataclass(frozen=True)
class Behaviour:
    """How a prospect acts on autopilot. Delays are ``(low, high)`` in sandbox minutes."""

    archetype: str
    accept_probability: float
    reply_probability: float
    intents: dict[str, float]
    accept_delay_minutes: tuple[float, float] = (30, 90)
    reply_delay_minutes: tuple[float, float] = (10, 60)
    read_probability: float = 0.85
    read_delay_minutes: tuple[float, float] = (2, 9)
    max_replies: int = 3
    ignores: bool = False
    #: E-mail: how often a read message is clicked on, and what becomes of mail to them (``MAIL_FATES``).
    click_probability: float = 0.3
    mail: str = "deliver"
    #: SMS: what becomes of texts to them (``TEXT_FATES``).
    texts: str = "deliver"


_ARCHETYPES: tuple[tuple[int, Behaviour], ...] = (
    (3, Behaviour("keen", 0.95, 0.9, {"interested": 6, "question": 3, "referral": 1})),
    (4, Behaviour("friendly", 0.85, 0.65, {"interested": 3, "question": 4, "not_now": 2, "referral": 1})),
    (4, Behaviour("busy", 0.65, 0.45, {"not_now": 4, "out_of_office": 4, "question": 2, "referral": 2})),
    (
        3,
        Behaviour(
            "sceptic", 0.5, 0.55, {"not_interested": 5, "unsubscribe": 2, "wrong_person": 1, "question": 2}
        ),
    ),
    (3, Behaviour("silent", 0.6, 0.0, {"not_now": 1}, read_probability=0.5)),
    (2, Behaviour("absent", 0.1, 0.0, {"not_now": 1}, read_probability=0.1)),
)
_BY_NAME = {behaviour.archetype: behaviour for _, behaviour in _ARCHETYPES}


@dataclass(frozen=True)
class Person:
    """One member of the invented LinkedIn. ``refuse_*`` force a provider error type on that action."""

    provider_id: str
    slug: str
    first_name: str
    last_name: str | None
    role: str
    company: str
    location: str
    member_number: int
    is_premium: bool
    is_open_profile: bool
    can_send_inmail: bool
    behaviour: Behaviour
    exists: bool = True
    refuse_invite: str | None = None
    refuse_message: str | None = None

    @property
    def name(self) -> str:
        """Display name."""
        return f"{self.first_name} {self.last_name}" if self.last_name else self.first_name

    @property
    def channel(self) -> str:
        """``email`` for an address, ``sms`` for a telephone number, else ``linkedin``."""
        return "email" if "@" in self.slug else "sms" if self.slug.startswith("+") else "linkedin"

    @property
    def headline(self) -> str:
        """Role and company, as shown under the name."""
        return f"{self.role} at {self.company}"

    @property
    def member_urn(self) -> str:
        """The numeric identity that is the same from every product."""
        return f"urn:li:member:{self.member_number}"

    def rng(self, *parts: object) -> Random:
        """A random source that gives this person the same decision for the same occasion every time."""
        return Random("|".join([self.provider_id, *map(str, parts)]))  # noqa: S311 - a game, not a secret


_EDITABLE = frozenset(
    {"first_name", "last_name", "role", "company", "location", "is_premium", "is_open_profile", "can_send_inmail",
     "exists", "refuse_invite", "refuse_message"}
)  # fmt: skip
_NULLABLE = frozenset({"last_name", "refuse_invite", "refuse_message"})
_FLAGS = frozenset({"is_premium", "is_open_profile", "can_send_inmail", "exists"})


class People:
    """Everybody there is. A person is stored when first met, so that id and slug stay a pair for good."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, identifier: str) -> Person | None:
        """The person behind a slug (any case) or member id (exact case); ``None`` if nobody is there.

        A Sales Navigator id (``ACw``) names the same person as the classic id with the same tail.
        """
        person = self.meet(identifier)
        return person if person.exists else None

    def meet(self, identifier: str) -> Person:
        """Like ``find``, but people who do not exist are given too (``exists`` false), for the control API."""
        if _MEMBER_ID.match(identifier):
            provider_id = f"ACo{identifier[3:]}" if identifier.startswith(("ACw", "AE")) else identifier
            row = self._store.one("SELECT * FROM people WHERE provider_id = ?", provider_id)
            return _person(row) if row else self._store_new(_invent(provider_id=provider_id))
        slug = clean_slug(identifier)
        row = self._store.one("SELECT * FROM people WHERE slug = ?", slug)
        return _person(row) if row else self._store_new(_invent(slug=slug))

    def override(self, identifier: str, changes: dict[str, Any]) -> Person:
        """Change who somebody is or how they behave. Raises ``InvalidOverride``; then nothing is changed."""
        person = self.meet(identifier)
        profile = {name: value for name, value in changes.items() if name != "behaviour"}
        for name, value in profile.items():
            _check_profile(name, value)
        behaviour = _changed_behaviour(person.behaviour, changes.get("behaviour", {}))
        changed = replace(person, behaviour=behaviour, **profile)
        stored = asdict(changed)
        self._store.run(
            "UPDATE people SET profile = ?, behaviour = ? WHERE provider_id = ?",
            json.dumps({k: v for k, v in stored.items() if k not in {"provider_id", "slug", "behaviour"}}),
            json.dumps(stored["behaviour"]),
            person.provider_id,
        )
        return changed

    def register(self, *, slug: str, first_name: str, last_name: str, role: str, company: str) -> Person:
        """Make sure a particular person exists (a seat's owner)."""
        names = {"first_name": first_name, "last_name": last_name, "role": role, "company": company}
        return self.override(slug, names)

    def known(self, query: str = "", limit: int = 200) -> list[Person]:
        """People met so far whose slug contains ``query``, newest first."""
        rows = self._store.all(
            "SELECT * FROM people WHERE slug LIKE ? ORDER BY rowid DESC LIMIT ?", f"%{query.lower()}%", limit
        )
        return [_person(row) for row in rows]

    def count(self) -> int:
        """How many people were met so far."""
        return int(self._store.value("SELECT COUNT(*) FROM people"))

    def forget_overrides(self) -> None:
        """Everybody is again who they were invented to be; ids and slugs stay paired."""
        for row in self._store.all("SELECT slug, provider_id FROM people"):
            fresh = _invent(slug=row["slug"], provider_id=row["provider_id"])
            self._store.run(
                "UPDATE people SET profile = ?, behaviour = ? WHERE provider_id = ?",
                *_columns(fresh), row["provider_id"],
            )  # fmt: skip

    def _store_new(self, person: Person) -> Person:
        profile, behaviour = _columns(person)
        self._store.insert(
            "people", provider_id=person.provider_id, slug=person.slug, profile=profile, behaviour=behaviour
        )
        return person


def clean_slug(text: str) -> str:
    """The vanity slug inside whatever people paste: lower case, no query, no trailing slash, no ``/in/`` URL."""
    path = text.split("?", 1)[0].split("#", 1)[0].rstrip("/")
    return unicodedata.normalize("NFC", path.rsplit("/", 1)[-1]).lower()


def digest_id(prefix: str, text: str, length: int) -> str:
    """``prefix`` and a URL-safe digest of ``text``, ``length`` characters in all."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return (prefix + digest)[:length]


def describe(person: Person) -> dict[str, Any]:
    """A person as the control API shows one."""
    return asdict(person) | {"name": person.name, "headline": person.headline}


def _invent(*, slug: str = "", provider_id: str = "") -> Person:
    provider_id = provider_id or digest_id("ACoAA", f"member|{slug}", 39)
    rng = Random(f"person|{provider_id}")  # noqa: S311 - a game, not a secret
    first, last = _names_from(slug) if slug else (rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES))
    if not slug:
        plain = unicodedata.normalize("NFKD", f"{first}-{last}").encode("ascii", "ignore").decode().lower()
        slug = f"{plain}-{hashlib.sha256(provider_id.encode()).hexdigest()[:8]}"
    weights = [weight for weight, _ in _ARCHETYPES]
    return Person(
        provider_id=provider_id,
        slug=slug,
        first_name=first or rng.choice(FIRST_NAMES),
        last_name=last,
        role=rng.choice(ROLES),
        company=rng.choice(COMPANIES),
        location=rng.choice(PLACES),
        member_number=int(hashlib.sha256(f"urn|{provider_id}".encode()).hexdigest()[:8], 16) % 900_000_000
        + 1_000_000,
        is_premium=rng.random() < 0.35,
        is_open_profile=rng.random() < 0.1,
        can_send_inmail=rng.random() < 0.9,
        behaviour=rng.choices([behaviour for _, behaviour in _ARCHETYPES], weights)[0],
        exists=not slug.startswith(_NOBODY),
    )


def _names_from(slug: str) -> tuple[str, str | None]:
    parts = re.split(r"[-._]", slug.partition("@")[0].partition("+")[0])
    words = [word for word in parts if word and not any(letter.isdigit() for letter in word)]
    if not words:
        return "", None
    return words[0].capitalize(), " ".join(word.capitalize() for word in words[1:]) or None


def _columns(person: Person) -> tuple[str, str]:
    stored = asdict(person)
    behaviour = stored.pop("behaviour")
    del stored["provider_id"], stored["slug"]
    return json.dumps(stored), json.dumps(behaviour)


def _person(row: Row) -> Person:
    behaviour = json.loads(row["behaviour"])
    for name in ("accept_delay_minutes", "reply_delay_minutes", "read_delay_minutes"):
        behaviour[name] = tuple(behaviour[name])
    profile = json.loads(row["profile"])
    return Person(
        provider_id=row["provider_id"], slug=row["slug"], behaviour=Behaviour(**behaviour), **profile
    )


def _check_profile(name: str, value: Any) -> None:
    if name not in _EDITABLE:
        raise InvalidOverride(f"{name}: cannot be changed")
    if value is None and name in _NULLABLE:
        return
    if not isinstance(value, bool if name in _FLAGS else str) or value == "":
        raise InvalidOverride(f"{name}: {'true or false' if name in _FLAGS else 'a text'}")


def _changed_behaviour(behaviour: Behaviour, changes: Any) -> Behaviour:
    if not isinstance(changes, dict):
        raise InvalidOverride("behaviour: an object")
    if "archetype" in changes:
        if changes["archetype"] not in _BY_NAME:
            raise InvalidOverride(f"behaviour.archetype: one of {', '.join(_BY_NAME)}")
        behaviour = _BY_NAME[changes["archetype"]]
    known = {item.name for item in fields(Behaviour)}
    clean: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in known:
            raise InvalidOverride(f"behaviour.{name}: unknown")
        clean[name] = _checked_behaviour(name, value)
    return replace(behaviour, **clean)


def _checked_behaviour(name: str, value: Any) -> Any:
    def number(item: Any) -> bool:
        return isinstance(item, int | float) and not isinstance(item, bool) and item >= 0

    if name.endswith("_minutes"):
        if not (
            isinstance(value, list | tuple)
            and len(value) == 2
            and all(map(number, value))
            and value[0] <= value[1]
        ):
            raise InvalidOverride(f"behaviour.{name}: [low, high] in minutes")
        return (value[0], value[1])
    fits = {
        "archetype": value in _BY_NAME if isinstance(value, str) else False,
        "ignores": isinstance(value, bool),
        "mail": value in MAIL_FATES,
        "texts": value in TEXT_FATES,
        "max_replies": isinstance(value, int) and number(value),
        "intents": isinstance(value, dict) and bool(value) and set(value) <= set(INTENTS)
        and all(map(number, value.values())) and sum(value.values()) > 0,
    }.get(name, number(value) and value <= 1)  # fmt: skip
    if not fits:
        raise InvalidOverride(f"behaviour.{name}: wrong value")
    return value
