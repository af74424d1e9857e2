"""Whether a row of a file is about one person: by whole addresses and names, never by parts of other people's. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from campaigns import identity

_PROFILE: Final = re.compile(r"(?<!\w)(?:in|pub)/([^\s\"<>/?#,;|()]+)", re.IGNORECASE)
#: Fields whose words name no profile, though they may be spelt like one.
_WORDS: Final = frozenset(
    {"first_name", "last_name", "full_name", "title", "company", "country", "time_zone"}
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as rows of files may name them; addresses are normalised."""

    first_name: str
    last_name: str
    profiles: frozenset[str] = frozenset()
    mails: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()

    def stands_in(self, cells: Iterable[object], mapping: Mapping[str, str]) -> bool:
        """Say whether the person has an address or the whole name that stands in the row.

        ``mapping`` says what the columns are (``LeadImport.mapping``): a profile's bare name may be anybody's word.
        """
        texts = [str(cell).strip().casefold() for cell in cells]
        return self._is_named(set(texts)) or any(
            self._is_mailed(text)
            or self._is_linked(text, mapping.get(str(index), ""))
            or any(identity.names_phone(text, phone) for phone in self.phones)
            for index, text in enumerate(texts)
        )

    def patterns(self) -> list[str]:
        """Regular expressions of PostgreSQL for the text, in lower case, of the JSON list of a row that names them.

        By profile or name; they find no fewer rows than ``stands_in``.
        """
        found = []
        for slug in {spelt for one in self.profiles for spelt in (one.lower(), quote(one).lower())}:
            found += [rf"(in|pub)/{_quoted(slug)}(?![[:alnum:]_%-])", _cell(slug)]
        if self.first_name and self.last_name:
            first, last = _cell(self.first_name), _cell(self.last_name)
            found += [f"{first}.*{last}", f"{last}.*{first}", _cell(f"{self.first_name} {self.last_name}")]
        return found

    def _is_named(self, texts: set[str]) -> bool:
        first, last = self.first_name.casefold(), self.last_name.casefold()
        return bool(first and last) and ({first, last} <= texts or f"{first} {last}" in texts)

    def _is_mailed(self, text: str) -> bool:
        return any(
            re.search(rf"(?<![\w.+%-])(?<!\w'){re.escape(mail)}(?![\w-])(?!\.\w)", text)
            for mail in self.mails
        )

    def _is_linked(self, text: str, field: str) -> bool:
        known = {profile.casefold() for profile in self.profiles}
        if any(unquote(slug).rstrip(".'\u2019").casefold() in known for slug in _PROFILE.findall(text)):
            return True
        slug = unquote(text)
        return slug in known and (field == "linkedin" or (field not in _WORDS and not slug.isalpha()))


def _quoted(text: str) -> str:
    return re.escape(json.dumps(text.lower(), ensure_ascii=False)[1:-1])


def _cell(text: str) -> str:
    return rf'"\s*{_quoted(text)}\s*"'
