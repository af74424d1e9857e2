"""Reading bodies and query strings of the JSON API: text that no database column can hold is refused at the door."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser

from project.core.refusals import BadRequest

#: Only bodies with one of these escapes can hold such text; all others are not searched.
_SUSPICIOUS = (b"\\u0000", b"\\ud", b"\\uD")


class StorableParser(Parser):
    """Refuses NUL characters and halves of surrogate pairs: PostgreSQL stores neither."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return the body's JSON. Raises ``ValueError``, which is answered with 400."""
        found = json.loads(request.body, parse_constant=_refuse_constant)
        if any(mark in request.body for mark in _SUSPICIOUS) and not _storable(found):
            raise ValueError("The body holds characters that cannot be stored.")
        return found

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        """Return the fields of a query string or form. Raises ``BadRequest``."""
        found: dict[str, Any] = super().parse_querydict(data, list_fields, request)
        if not _storable(found):
            raise BadRequest("The request holds characters that cannot be stored.", code="BAD_CHARACTERS")
        return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON.")


def _storable(value: Any) -> bool:
    """Whether all text in a JSON value can be stored."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and (
            "\x00" in one or any("\ud800" <= letter <= "\udfff" for letter in one)
        ):
            return False
    return True
