"""Personalised text: sandboxed Liquid with fallbacks, spintax and channel lengths. Pure."""

from campaigns.rendering.lengths import (
    INVITE_NOTE,
    INVITE_NOTE_FREE,
    LIMITS,
    Segments,
    TooLong,
    check_length,
    limit_for,
    sms_segments,
    text_length,
)
from campaigns.rendering.syntax import TemplateError, normalize_newlines
from campaigns.rendering.templates import (
    KNOWN_VARIABLES,
    Problem,
    Rendered,
    UnfilledVariable,
    lint,
    needed,
    render,
    shortest_length,
    variables,
)

__all__ = [
    "INVITE_NOTE",
    "INVITE_NOTE_FREE",
    "KNOWN_VARIABLES",
    "LIMITS",
    "Problem",
    "Rendered",
    "Segments",
    "TemplateError",
    "TooLong",
    "UnfilledVariable",
    "check_length",
    "limit_for",
    "lint",
    "needed",
    "normalize_newlines",
    "render",
    "shortest_length",
    "sms_segments",
    "text_length",
    "variables",
]
