"""Checks of what a send node says: the right fields for its action, templates that work, lengths that fit."""

from __future__ import annotations

from collections.abc import Iterator

from campaigns.plans.errors import PlanError
from campaigns.plans.schema import CHANNEL_OF_ACTION, Content, SendNode
from campaigns.rendering import TemplateError, limit_for, lint, shortest_length

FIELDS: dict[str, tuple[str, ...]] = {
    "email": ("subject", "body"),
    "invite": ("note",),
    "message": ("text",),
    "inmail": ("subject", "text"),
    "sms": ("text",),
    "profile_view": (),
}
"""The content fields that an action sends."""
REQUIRED: dict[str, tuple[str, ...]] = {
    "email": ("body",),
    "invite": (),
    "message": ("text",),
    "inmail": ("subject", "text"),
    "sms": ("text",),
    "profile_view": (),
}
"""Those of them that may not be empty."""
_ALL_FIELDS = ("subject", "body", "text", "note")


def content_errors(node: SendNode, known: frozenset[str], invite_note: int) -> Iterator[PlanError]:
    """All errors in the content or variants of ``node``."""
    if CHANNEL_OF_ACTION[node.action] != node.channel:
        text = f"{node.action} does not go by {node.channel} but by {CHANNEL_OF_ACTION[node.action]}."
        yield PlanError(node.id, "action", "channel", text)
    if node.variants:
        yield from _variant_errors(node, known, invite_note)
    elif node.content is not None:
        yield from _text_errors(node, "content", node.content, known, invite_note)
    elif REQUIRED[node.action]:
        yield PlanError(node.id, "content", "content_missing", "Write what this step says.")


def _variant_errors(node: SendNode, known: frozenset[str], invite_note: int) -> Iterator[PlanError]:
    if node.content is not None:
        yield PlanError(node.id, "variants", "variants", "Give either content or variants, not both.")
    if len(node.variants) < 2:
        yield PlanError(node.id, "variants", "variants", "Variants need at least two wordings.")
    seen: set[str] = set()
    for number, variant in enumerate(node.variants):
        if variant.id in seen:
            text = f"More than one variant is called {variant.id}."
            yield PlanError(node.id, f"variants[{number}].id", "duplicate_id", text)
        seen.add(variant.id)
        field = f"variants[{number}].content"
        yield from _text_errors(node, field, variant.content, known, invite_note)


def _text_errors(
    node: SendNode, place: str, content: Content, known: frozenset[str], invite_note: int
) -> Iterator[PlanError]:
    texts = {name: str(getattr(content, name)) for name in _ALL_FIELDS}
    for name, text in texts.items():
        field = f"{place}.{name}"
        if name not in FIELDS[node.action]:
            if text:
                message = f"{node.action} has no {name}."
                yield PlanError(node.id, field, "content_field", message)
        elif text.strip():
            yield from _template_errors(node, field, name, text, known, invite_note)
        elif name in REQUIRED[node.action]:
            yield PlanError(node.id, field, "content_missing", f"The {name} is empty.")
    if node.action == "email" and not texts["subject"].strip() and node.thread_with is None:
        message = "An e-mail needs a subject unless it continues a thread."
        yield PlanError(node.id, f"{place}.subject", "subject_missing", message)


def _template_errors(
    node: SendNode, field: str, name: str, text: str, known: frozenset[str], invite_note: int
) -> Iterator[PlanError]:
    problems = lint(text, known)
    for problem in problems:
        code = problem.code if problem.code == "unknown_variable" else "template"
        where = f"Line {problem.line}: " if "\n" in text else ""
        yield PlanError(node.id, field, code, f"{where}{problem.message}")
    limit = invite_note if name == "note" else limit_for(node.action, name)
    if limit is None:
        return
    try:
        shortest = shortest_length(text)
    except TemplateError:
        return  # named above
    if shortest > limit:
        message = f"At least {shortest:,} characters long; {node.action} allows {limit:,}."
        yield PlanError(node.id, field, "too_long", message)
