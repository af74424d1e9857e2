"""The Liquid environment that templates run in: a few tags, text filters only, values only.

No loops, ranges, includes or clock; values are looked up in plain mappings, never as attributes of objects;
every filter's result and the output are limited. So the time of a rendering is bounded by the length of its
template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from io import StringIO
from typing import Any

from liquid import BoundTemplate, Environment, RenderContext, Token
from liquid.ast import Node
from liquid.builtin import content, illegal, output
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags import assign_tag, case_tag, if_tag, unless_tag
from liquid.exceptions import LiquidError, ResourceLimitError
from liquid.expression import Expression
from liquid.output import LimitedStringIO
from liquid.undefined import UNDEFINED, Undefined, is_undefined
from liquid.utils import ReadOnlyChainMap

from campaigns.rendering.syntax import TemplateError, line_of

MAX_OUTPUT = 20_000
ROOTS = frozenset({"lead", "company", "sender", "client", "custom", "unsubscribe_url"})


class Unfilled(Undefined):
    """A variable without a value. Using it as text reports its name; testing it is simply false."""

    __slots__ = ("report",)

    def __init__(self, name: str, *, report: Callable[[str], None], token: Token | None = None) -> None:
        super().__init__(name, token=token)
        self.report = report

    def __str__(self) -> str:
        self.report(self.name)
        return f"[{self.name}]"


class SafeContext(RenderContext):
    """Look-ups in plain mappings only; remembers what was used and what was missing."""

    def __init__(self, template: BoundTemplate, data: Mapping[str, object]) -> None:
        super().__init__(template, globals=data)
        # The library's own scope also offers the clock ("now", "today"): rendering must not depend on it.
        self.scope = ReadOnlyChainMap(self.locals, self.globals)
        self.used: dict[str, str] = {}
        self.missing: list[str] = []

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        """Resolve ``path``; anything absent, blank or not a plain value is ``Unfilled``."""
        name = ".".join(str(segment) for segment in path)
        value: object = self.scope
        for segment in path:
            if not isinstance(value, Mapping) or not isinstance(segment, str) or segment not in value:
                return Unfilled(name, report=self._missed, token=token) if default is UNDEFINED else default
            value = value[segment]
        if isinstance(value, Unfilled):
            return value
        plain = plain_value(value)
        if plain is None:
            return Unfilled(name, report=self._missed, token=token)
        if path[0] in ROOTS:
            self.used[name] = text_of(plain)
        return plain

    def _missed(self, name: str) -> None:
        if name not in self.missing:
            self.missing.append(name)


class SafeEnvironment(Environment):
    """Tags and filters that are offered; everything else is unknown."""

    block_nesting_limit = 20
    loop_iteration_limit = 1
    local_namespace_limit = 4 * MAX_OUTPUT
    output_stream_limit = 4 * MAX_OUTPUT

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Register the tags and filters that templates may use. ``extra`` is ignored."""
        del extra
        for tag in (
            content.Literal,
            output.Output,
            illegal.Illegal,
            if_tag.IfTag,
            unless_tag.UnlessTag,
            case_tag.CaseTag,
            assign_tag.AssignTag,
        ):
            self.add_tag(tag)
        for name, function in FILTERS.items():
            self.add_filter(name, function)


def plain_value(value: object) -> str | int | float | bool | None:
    """``value`` if a template may show it, as text or number; None for blank and for anything else."""
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    return None


def text_of(value: object) -> str:
    """``value`` as it appears in a message. An unfilled variable reports itself."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _limited(function: Callable[..., str]) -> Callable[..., str]:
    """Turn every argument into text and refuse a result that is too long."""

    def apply(value: object, *arguments: object) -> str:
        result = function(text_of(value), *arguments)
        if len(result) > MAX_OUTPUT:
            raise ResourceLimitError("the text becomes too long", token=None)
        return result

    return apply


def _default(value: object, fallback: object = "") -> object:
    """``value``, or ``fallback`` where it is unfilled, false or blank."""
    if is_undefined(value) or value is None or value is False:
        return fallback
    return fallback if isinstance(value, str) and not value.strip() else value


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def _truncate(text: str, length: object = 50, ending: object = "…") -> str:
    limit, tail = _count(length), text_of(ending)
    if len(text) <= limit:
        return text
    return text[: max(0, limit - len(tail))] + tail


def _truncatewords(text: str, count: object = 15, ending: object = "…") -> str:
    words = text.split()
    limit = _count(count)
    return text if len(words) <= limit else " ".join(words[:limit]) + text_of(ending)


def _replace(text: str, old: object, new: object = "") -> str:
    before, after = text_of(old), text_of(new)
    # The size is known before the work is done: nothing huge is ever built.
    if len(text) + text.count(before) * (len(after) - len(before)) > MAX_OUTPUT:
        raise ResourceLimitError("the text becomes too long", token=None)
    return text.replace(before, after)


def _remove(text: str, old: object) -> str:
    return text.replace(text_of(old), "")


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_OUTPUT:
        return value
    raise ResourceLimitError("a length must be a number from 0", token=None)


FILTERS: dict[str, Callable[..., Any]] = {
    "default": _default,
    "upcase": _limited(str.upper),
    "downcase": _limited(str.lower),
    "capitalize": _limited(_capitalize),
    "title": _limited(str.title),
    "strip": _limited(str.strip),
    "squish": _limited(lambda text: " ".join(text.split())),
    "first_word": _limited(lambda text: (text.split() or [""])[0]),
    "truncate": _limited(_truncate),
    "truncatewords": _limited(_truncatewords),
    "append": _limited(lambda text, tail: text + text_of(tail)),
    "prepend": _limited(lambda text, head: text_of(head) + text),
    "replace": _limited(_replace),
    "remove": _limited(_remove),
}

ENVIRONMENT = SafeEnvironment()


@lru_cache(maxsize=2048)
def compile_liquid(source: str) -> BoundTemplate:
    """Parse ``source`` (already scanned) and refuse what is not offered. Raises ``TemplateError``."""
    try:
        template = ENVIRONMENT.from_string(source)
    except (LiquidError, RecursionError) as error:
        raise template_error(error, source) from error
    try:
        filters = template.analyze().filters
        _refuse_ranges(template)
    except (LiquidError, RecursionError) as error:
        raise template_error(error, source) from error
    for name, spans in filters.items():
        if name not in FILTERS:
            offered = ", ".join(sorted(FILTERS))
            raise TemplateError(
                f"There is no filter called {name}. Offered are {offered}.",
                line=line_of(source, spans[0].index),
                code="filter",
            )
    return template


def run(template: BoundTemplate, data: Mapping[str, object]) -> tuple[str, SafeContext]:
    """Render ``template`` with ``data``; return the text and the context. Raises ``TemplateError``."""
    context = SafeContext(template, data)
    buffer: StringIO = LimitedStringIO(limit=4 * MAX_OUTPUT)
    try:
        template.render_with_context(context, buffer)
    except (LiquidError, RecursionError) as error:
        raise template_error(error, str(template)) from error
    return buffer.getvalue(), context


def template_error(error: Exception, source: str) -> TemplateError:
    """A Liquid error as one of ours, with the line and without the library's drawing."""
    line = 1
    if isinstance(error, LiquidError):
        token = error.token
        if token is not None and 0 <= token.start_index <= len(token.source):
            line = line_of(token.source, token.start_index)
        message = str(error.message or "cannot be read")
    else:
        message, line = "is nested too deeply", line_of(source, 0)
    code = "limit" if isinstance(error, ResourceLimitError) else "syntax"
    return TemplateError(f"The template cannot be used: {message}.", line=line, code=code)


def _refuse_ranges(template: BoundTemplate) -> None:
    """Ranges are refused: testing membership of a huge one takes as long as its length."""
    static = RenderContext(template)

    def expressions(nodes: Iterable[Node]) -> Iterable[Expression]:
        for node in nodes:
            yield from node.expressions()
            yield from expressions(node.children(static))

    def inside(expression: Expression) -> Iterable[Expression]:
        yield expression
        for child in expression.children():
            yield from inside(child)

    for outer in expressions(template.nodes):
        for expression in inside(outer):
            if isinstance(expression, RangeLiteral):
                raise LiquidError("ranges are not available", token=expression.token)
