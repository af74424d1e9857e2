"""Snippets: writing them, and putting them into plans."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from campaigns.models import Snippet
from campaigns.plans.errors import PlanError, PlanInvalid
from campaigns.plans.texts import with_texts
from campaigns.rendering import TemplateError, lint
from campaigns.rendering.snippets import NAME, expand, names_in
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

LONGEST = 10_000


class SnippetRefused(Invalid):
    """This cannot be a snippet; the message says why, ``details["field"]`` where."""


@transaction.atomic
def save(*, client_id: UUID | None, name: str, text: str, actor: User) -> Snippet:
    """Write a snippet, new or again. Raises ``SnippetRefused``.

    Versions that run keep the text they were launched with.
    """
    name = name.strip().lower()
    if not re.fullmatch(NAME, name):
        raise SnippetRefused(
            "A name has small letters, digits and underscores, begins with a letter, at most 40.",
            field="name",
        )
    if not text.strip() or len(text) > LONGEST:
        raise SnippetRefused(f"A snippet has between 1 and {LONGEST:,} characters.", field="text")
    if names_in(text):
        raise SnippetRefused("A snippet cannot use another snippet.", field="text")
    problems = lint(text)
    if problems:
        raise SnippetRefused(f"Line {problems[0].line}: {problems[0].message}", field="text")
    row: Snippet = Snippet.objects.update_or_create(
        client_id=client_id, name=name, defaults={"text": text, "changed_by": actor}
    )[0]
    audit.record(actor=actor, action="snippet.saved", subject=row, client_id=client_id, name=name)
    return row


@transaction.atomic
def delete(*, snippet: Snippet, actor: User) -> None:
    """Remove a snippet. Drafts that use it cannot be launched until they are mended."""
    audit.record(
        actor=actor, action="snippet.deleted", subject=snippet, client_id=snippet.client_id, name=snippet.name
    )
    snippet.delete()


def texts_of(client_id: UUID) -> dict[str, str]:
    """Return the snippets that a client's campaigns may use; its own go before the organization's."""
    rows = Snippet.objects.filter(Q(client_id=client_id) | Q(client_id=None)).values_list(
        "name", "text", "client_id"
    )
    ordered = sorted(rows, key=lambda row: row[2] is not None)
    return {name: text for name, text, _ in ordered}


def expanded(data: Any, client_id: UUID) -> Any:
    """Return plan JSON with the client's snippets put in. Raises ``PlanInvalid`` with every one that is missing."""
    errors: list[PlanError] = []
    known: dict[str, str] | None = None

    def put_in(node: str, field: str, text: str) -> str:
        nonlocal known
        if not names_in(text):
            return text
        if known is None:
            known = texts_of(client_id)
        try:
            return expand(text, known)
        except TemplateError as error:
            errors.append(PlanError(node, field, error.code, f"Line {error.line}: {error.message}"))
            return text

    made = with_texts(data, put_in)
    if errors:
        raise PlanInvalid(errors)
    return made
