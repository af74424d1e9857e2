"""Numbers of reports that open the rows which they were counted from."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from project.theme import formats

register = template.Library()


@register.simple_tag(takes_context=True)
def behind(
    context: template.Context,
    value: int | None,
    kind: str,
    dimension: str = "",
    key: str = "",
    *,
    strong: bool = False,
    **narrowed: Any,
) -> SafeString:
    """``{% behind row.replied "replied" "sender" row.key %}``: the number, as a link to its rows where there are any.

    The address is that of ``rows_url``, which has the report's own filters; what is empty narrows nothing. Without
    ``rows_url`` nobody may look behind the numbers.
    """
    text = formats.number(value)
    base = context.get("rows_url")
    if base and value:
        given = {dimension: key, **narrowed} if dimension else narrowed
        query = urlencode(
            {"kind": kind, **{name: part for name, part in given.items() if part not in (None, "")}}
        )
        css = "font-semibold hover:underline" if strong else "hover:underline"
        return format_html('<a class="{}" href="{}">{}</a>', css, f"{base}&{query}", text)
    return format_html('<b class="font-semibold">{}</b>', text) if strong else format_html("{}", text)
