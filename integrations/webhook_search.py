"""Looking for words in stored calls, in what of them may be shown: a search must not tell what a page masks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from django.db.models import F, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast

from integrations.errors import ProviderError
from integrations.models import Connection, ProviderEvent, WebhookDelivery
from integrations.services.adapters import credentials_of, webhook_secrets
from project.core.http import json_pattern
from project.core.ids import parse_uuid

_NAMES: Final = r"(?:api[-_]?key|token|secret|password|passwd|credential)"
#: JSON within a string of JSON, within another one: how deep fields are looked for.
_DEPTH: Final = 3


def _field(depth: int) -> str:
    """What finds the words of a JSON field that is named like a secret, ``depth`` strings deep, in escaped text.

    There each backslash is two. A quote of the string itself has ``2 * (2**depth - 1)`` of them before it, one that
    belongs to the words ``2**(depth + 2) - 2``, or that and whole backslashes of the words' own.
    """
    end = rf'\\{{{2 * (2**depth - 1)}}}"'
    plain = r'[^"\\]|\\+[^"\\]'
    whole = 2 ** (depth + 2)
    words = rf'(?:{plain}|(?:\\{{{whole}}})*\\{{{whole - 2}}}")*(?:\\{{{whole}}})*'
    return rf'("(?:{plain}){{0,60}}{_NAMES}(?:{plain}){{0,60}}{end}\s*:\s*{end}){words}'


#: Words in JSON fields that are named like a secret (also within JSON in a string), and values in queries and forms.
_FIELDS: Final = (
    *(_field(depth) for depth in range(_DEPTH)),
    rf'({_NAMES}[\w.-]{{0,40}}=)(?:[^&\s"\\]|\\\\/|\\[0-7]{{3}})*',
)
_SHORTEST: Final = 6


def containing(rows: QuerySet[WebhookDelivery], words: Iterable[str]) -> QuerySet[WebhookDelivery]:
    """Return those of ``rows`` whose bodies, event types or outcomes mention any of ``words``, whatever the case.

    Bodies are bytes of any kind: they are compared in PostgreSQL's escaped form, which always exists. What only a
    secret in them matches is not found: else each search would tell a character of it.
    """
    condition = Q()
    for word in words:
        for variant in {word, json.dumps(word)[1:-1]}:
            escaped = _escaped(variant)
            # The first is cheap, and few bodies have to be masked after it.
            condition |= Q(body_text__icontains=escaped) & Q(shown_text__icontains=escaped)
        condition |= Q(event_type__icontains=word) | Q(outcome_text__icontains=word)
        if (one := parse_uuid(word)) is not None:
            told = ProviderEvent.objects.filter(id=one).values("delivery_id")
            condition |= Q(id=one) | Q(id__in=told)
    return (
        rows.annotate(
            body_text=Func(F("body"), Value("escape"), function="encode", output_field=TextField()),
            outcome_text=Cast("outcome", TextField()),
        )
        .annotate(shown_text=_shown())
        .filter(condition)
    )


def proofs_of(connection: Connection) -> list[str]:
    """Return the secrets that prove a connection's calls, as far as they can be read."""
    try:
        return webhook_secrets(connection.provider, credentials_of(connection))
    except ProviderError:
        # No key of ours fits any more: fields are masked by their names all the same.
        return []


def _shown() -> Any:
    """The body's text without what proves calls and without the values of fields that are named like a secret."""
    found: Any = F("body_text")
    for pattern in _FIELDS:
        found = _replaced(found, pattern, r"\1[masked]")
    proofs = {
        proof for row in Connection.objects.all() for proof in proofs_of(row) if len(proof) >= _SHORTEST
    }
    if proofs:
        longest_first = sorted(proofs, key=len, reverse=True)
        patterns = (json_pattern(proof, written=_escaped) for proof in longest_first)
        found = _replaced(found, "|".join(patterns), "[masked]")
    return found


def _replaced(text: Any, pattern: str, by: str) -> Func:
    return Func(
        text,
        Value(pattern),
        Value(by),
        Value("gi"),
        function="regexp_replace",
        output_field=TextField(),
    )


def _escaped(text: str) -> str:
    """Text as ``encode(..., 'escape')`` shows it."""
    return "".join(
        "\\\\" if byte == 0x5C else chr(byte) if 0 < byte < 0x80 else f"\\{byte:03o}"
        for byte in text.encode("utf-8", "replace")
    )
