"""Template tags and filters of the design system, loaded everywhere as a builtin.

Marks: ``icon channel_icon client_mark intent_badge delivery_state avatar kbd bar funnel sparkline sla_clock
when``. Parts: ``{% part "button" label="Close" icon="check" hx_post=url %}`` renders
``templates/components/button.html`` with exactly the given values; ``{% wrap "card" title="..." %}...{%
endwrap %}`` gives it what stands between as ``content``. Values named ``hx_*``, ``data_*``, ``aria_*`` (and
a few like ``popovertarget``) become HTML attributes of the part's root. All are pure: no queries,
everything escaped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select, Textarea
from django.template.base import FilterExpression, TextNode
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from project.theme import dom, formats, icons, marks

register = template.Library()

_ATTRIBUTE_PREFIXES = ("hx_", "data_", "aria_")
_ATTRIBUTES = frozenset(
    {"form", "role", "tabindex", "popovertarget", "formaction", "autofocus", "minlength", "maxlength",
     "min", "max", "pattern", "inputmode", "autocomplete", "spellcheck", "accept", "multiple", "download",
     "target", "rel"}
)  # fmt: skip


# --- Marks --------------------------------------------------------------------------------------------

Tag = TypeVar("Tag", bound=Callable[..., Any])


def _once(tag: Tag) -> Tag:
    """Render uses of a tag whose arguments are all constants when their template is read, not with each page."""
    compile_tag = register.tags[tag.__name__]

    def compiled(parser: template.base.Parser, token: template.base.Token) -> template.Node:
        node: Any = compile_tag(parser, token)
        if node.target_var is None and all(map(_is_constant, (*node.args, *node.kwargs.values()))):
            return TextNode(node.render(template.Context()))
        return node

    register.tag(tag.__name__, compiled)
    return tag


def _is_constant(expression: FilterExpression) -> bool:
    is_literal = not expression.is_var or getattr(expression.var, "lookups", ()) is None
    return not expression.filters and (is_literal or expression.token in {"True", "False", "None"})


@_once
@register.simple_tag
def icon(name: str, size: int = 16, style: str = "solid", css: str = "", label: str = "") -> SafeString:
    """Inline SVG: ``{% icon "check" size=14 %}``, ``{% icon "inbox" style="outline" size=18 %}``."""
    return icons.render_icon(name, size=size, style=style, css=css, label=label)


@_once
@register.simple_tag
def mark_of_product(size: int = 34) -> SafeString:
    """The product's mark, in the theme's ink."""
    return icons.render_icon("mark", size=size, style="own")


@_once
@register.simple_tag
def channel_icon(channel: str, size: int = 16, tile: bool = False, tone: bool = False) -> SafeString:
    """The glyph of ``linkedin``, ``email``, ``sms`` (and ``wait``, ``branch``, ``stop``)."""
    return marks.channel_icon(channel, size=size, tile=tile, tone=tone)


@register.simple_tag
def client_mark(client: Any, short: bool = False, square: bool = False) -> SafeString:
    """A client's coloured square and name."""
    return marks.client_mark(client, short=short, square=square)


@register.simple_tag
def intent_badge(intent: str | None) -> SafeString:
    """What a reply wants."""
    return marks.intent_badge(intent)


@register.simple_tag
def delivery_state(state: str, at: datetime | None = None, why: str = "", brief: bool = False) -> SafeString:
    """The state of an outbound message."""
    return marks.delivery_state(state, at=at, why=why, brief=brief)


@register.simple_tag
def avatar(person: Any, size: int = 20, tone: int | None = None) -> SafeString:
    """Initials of a person (a user, anything with a ``name``, or a plain name)."""
    return marks.avatar(person, size=size, tone=tone)


@_once
@register.simple_tag
def kbd(*keys: str) -> SafeString:
    """Keys: ``{% kbd "g" "i" %}``."""
    return marks.kbd(*keys)


@register.simple_tag
def bar(used: float, limit: float, tone: str = "", size: str = "", label: str = "") -> SafeString:
    """A share of a limit."""
    return marks.bar(used, limit, tone=tone, size=size, label=label)


@register.simple_tag
def funnel(values: list[int], labels: list[str] | tuple[str, ...] = (), of_first: bool = False) -> SafeString:
    """Numbers over bars, each a share of the one before, or of the first."""
    return marks.funnel(values, labels, of_first=of_first)


@register.simple_tag
def sparkline(
    values: list[float], width: int = 72, height: int = 20, label: str = "", wide: bool = False
) -> SafeString:
    """A small line."""
    return marks.sparkline(values, width=width, height=height, label=label, wide=wide)


@register.simple_tag
def sla_clock(due: datetime | None, now: datetime | None = None) -> SafeString:
    """The clock of an SLA: time left, amber under ten minutes, red and "late" after (``ages.js`` keeps it true)."""
    if not due:
        return mark_safe("")
    text, tone = formats.sla(due, now)
    return format_html(
        '<time class="sla {}" datetime="{}" data-due title="Due {}">{}<span>{}</span></time>',
        tone,
        due.isoformat(),
        formats.absolute(due),
        icons.render_icon("clock", size=12),
        text,
    )


@register.simple_tag
def when(moment: datetime | None, show: str = "age", css: str = "") -> SafeString:
    """A moment as ``<time>`` with the whole moment in its title; ``show`` is one of ``marks.SHOWN``."""
    return marks.when(moment, show=show, css=css)


@register.simple_tag
def dom_id(obj: Any, suffix: str = "") -> str:
    """The element id of an object: ``{% dom_id conversation "row" %}``."""
    return dom.dom_id(obj, suffix)


@register.simple_tag
def share(part: int | None, whole: int | None, of: str = "", least: int = 0) -> str:
    """A percentage with its denominator: ``{% share 71 2410 "contacted" %}``."""
    return formats.share(part, whole, of, least=least)


@register.simple_tag
def percent(part: int | None, whole: int | None, digits: int = 1, least: int = 0) -> str:
    """A bare percentage, for where the denominator stands beside it."""
    return formats.percent(part, whole, digits=digits, least=least)


# --- Filters ------------------------------------------------------------------------------------------


@register.filter
def number(value: formats.Number | None, digits: int = 0) -> str:
    """``{{ 1204|number }}``: ``1,204``."""
    return formats.number(value, digits)


@register.filter
def capped(value: int | None) -> str:
    """A count that is exact up to 999: ``12``, ``999+``; nothing for none."""
    return formats.capped(value)


@register.filter
def n_of(part: int | None, whole: int | None) -> str:
    """``{{ 3|n_of:25 }}``: ``3 of 25``."""
    return formats.ratio(part, whole)


@register.filter
def age(moment: datetime | None) -> str:
    """How long ago."""
    return formats.age(moment)


@register.filter
def clock(moment: datetime | None) -> str:
    """Hour and minute."""
    return formats.clock(moment)


@register.filter
def day(moment: datetime | date | None) -> str:
    """Day and month."""
    return formats.day(moment)


@register.filter
def stamp(moment: datetime | None) -> str:
    """Day and time, relative where it is near."""
    return formats.stamp(moment)


@register.filter
def day_name(moment: datetime | date | None) -> str:
    """The day that heads what happened on it."""
    return formats.day_name(moment)


@register.filter
def day_clock(moment: datetime | None) -> str:
    """Day and time at their shortest."""
    return formats.day_clock(moment)


@register.filter
def absolute(moment: datetime | None) -> str:
    """The whole moment with its zone."""
    return formats.absolute(moment)


@register.filter
def duration(value: timedelta | formats.Number | None) -> str:
    """A span or a number of seconds."""
    return formats.duration(value)


@register.filter
def file_size(size: int | None) -> str:
    """Bytes in kB or MB."""
    return formats.file_size(size)


@register.filter
def initials(name: str) -> str:
    """Letters for an avatar."""
    return formats.initials(name)


@register.filter
def limit_tone(used: float, limit: float) -> str:
    """The colour of a binding limit."""
    return marks.limit_tone(used, limit)


@register.filter
def words(name: str) -> str:
    """A name of the machine in plain words: ``message_2`` is ``Message 2``."""
    return str(name).replace("_", " ").capitalize()


@register.filter
def channel_label(channel: str) -> str:
    """The name of a channel."""
    return marks.channel_of(channel).label


# --- Parts --------------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def part(context: template.Context, name: str, /, **values: Any) -> SafeString:
    """Render ``templates/components/<name>.html`` with exactly these values."""
    return _render_part(context, name, values)


@register.simple_block_tag(takes_context=True)
def wrap(context: template.Context, content: str, name: str, /, **values: Any) -> SafeString:
    """Render a part around a block: what stands between the tags is its ``content``."""
    return _render_part(context, name, {**values, "content": content})


@register.simple_tag(takes_context=True)
def form_field(context: template.Context, field: BoundField, label: str = "", **values: Any) -> SafeString:
    """A field of a Django form: label, control, help and errors, tied together for screen readers."""
    values, attributes = _split_attributes(values)
    widget = field.field.widget
    if "placeholder" in values:
        attributes["placeholder"] = values.pop("placeholder") or False
    attributes["class"] = _control_class(widget, str(values.get("size", "")), bool(field.errors))
    kind = "checkbox" if isinstance(widget, CheckboxInput) else "select" if _is_plain_select(widget) else ""
    if isinstance(widget, CheckboxSelectMultiple):
        kind = "boxes"
    return _render_part(
        context,
        "form_field",
        {
            **values,
            "field": field,
            "label": label or field.label,
            "control": field.as_widget(attrs=attributes),
            "kind": kind,
            "options": _boxes(field) if kind == "boxes" else [],
        },
    )


def _boxes(field: BoundField) -> list[dict[str, Any]]:
    """The boxes of a field of which several may be ticked, each with its label."""
    found = []
    for option in field.subwidgets:
        option.data["attrs"]["class"] = "check"
        found.append({"control": option.tag(), "label": option.choice_label, "id": option.id_for_label})
    return found


def _control_class(widget: Any, size: str, has_errors: bool) -> str:
    base = "check" if isinstance(widget, CheckboxInput | RadioSelect) else "input"
    return " ".join(filter(None, (widget.attrs.get("class", ""), base, size, "err" if has_errors else "")))


def _is_plain_select(widget: Any) -> bool:
    return (
        isinstance(widget, Select)
        and not isinstance(widget, RadioSelect | Textarea)
        and not widget.allow_multiple_selected
    )


class _Absent(dict[str, str]):
    """The bottom of a part's context: what was not given is empty.

    Django pays for each name that it does not find with an exception; parts have many optional values.
    """

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: str) -> str:
        return ""


_ABSENT = _Absent()


def _render_part(context: template.Context, name: str, values: dict[str, Any]) -> SafeString:
    plain, attributes = _split_attributes(values)
    plain["attrs"] = _written(attributes)
    plain["csrf_token"] = context.get("csrf_token")
    inner = template.Context(plain)
    inner.dicts.insert(0, _ABSENT)
    inner.template = context.template
    found = context.template.engine.get_template(f"components/{name}.html")  # type: ignore[union-attr]
    return mark_safe(found.render(inner).strip())  # noqa: S308 - the output of an autoescaped template


def _written(attributes: dict[str, Any]) -> SafeString:
    """Attributes as they stand in a tag, in the order of their names; ``True`` is one without a value."""
    parts = (
        f" {name}" if value is True else f' {name}="{conditional_escape(value)}"'
        for name, value in sorted(attributes.items())
    )
    return mark_safe("".join(parts))  # noqa: S308 - names are those of templates, values are escaped


def _split_attributes(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide a part's values into what its template reads and what become HTML attributes."""
    plain: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    for key, value in values.items():
        if key.startswith(_ATTRIBUTE_PREFIXES) or key in _ATTRIBUTES:
            if value is not None and value is not False:
                attributes[key.replace("_", "-")] = value
        else:
            plain[key] = value
    return plain, attributes
