"""Snippets: pieces of text that many steps share, put in by name before a template is read.

``{{ snippet.intro }}`` stands for the text of the snippet ``intro``, which may have variables and choices of its own,
and no other snippets. A launch puts them in for good: a version never changes because a snippet did. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from campaigns.rendering.syntax import TemplateError, line_of

NAME: Final = r"[a-z][a-z0-9_]{0,39}"
_USE = re.compile(r"\{\{-?\s*snippet\.([A-Za-z0-9_]+)\s*-?\}\}")


def names_in(template: str) -> frozenset[str]:
    """Return the names of the snippets that a template uses."""
    return frozenset(match[1] for match in _USE.finditer(template))


def expand(template: str, snippets: Mapping[str, str]) -> str:
    """Return ``template`` with its snippets put in. Raises ``TemplateError`` for one that does not exist or that
    uses another.
    """

    def text_of(match: re.Match[str]) -> str:
        name = match[1]
        line = line_of(template, match.start())
        if name not in snippets:
            raise TemplateError(f"There is no snippet called {name}.", line=line, code="unknown_snippet")
        if names_in(snippets[name]):
            raise TemplateError(f"The snippet {name} uses another snippet.", line=line, code="nested_snippet")
        return snippets[name]

    return _USE.sub(text_of, template)
