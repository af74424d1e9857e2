"""Changing the texts of a plan, wherever they are: content and variants of every step. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

FIELDS: Final = ("subject", "body", "text", "note")


def with_texts(data: Any, change: Callable[[str, str, str], str]) -> Any:
    """Return plan JSON with every text replaced by ``change(node id, field, text)``; of any shape, valid or not.

    ``field`` is a path such as ``content.body`` or ``variants[1].content.text``. Errors of ``change`` are raised.
    """
    if not isinstance(data, dict) or not isinstance(data.get("nodes"), list):
        return data
    return {**data, "nodes": [_node(node, change) for node in data["nodes"]]}


def _node(node: Any, change: Callable[[str, str, str], str]) -> Any:
    if not isinstance(node, dict):
        return node
    name = str(node.get("id", ""))
    made = dict(node)
    if isinstance(node.get("content"), dict):
        made["content"] = _content(name, "content", node["content"], change)
    if isinstance(node.get("variants"), list):
        made["variants"] = [
            {**variant, "content": _content(name, f"variants[{at}].content", variant["content"], change)}
            if isinstance(variant, dict) and isinstance(variant.get("content"), dict)
            else variant
            for at, variant in enumerate(node["variants"])
        ]
    return made


def _content(
    node: str, place: str, content: dict[str, Any], change: Callable[[str, str, str], str]
) -> dict[str, Any]:
    return {
        name: change(node, f"{place}.{name}", text) if name in FIELDS and isinstance(text, str) else text
        for name, text in content.items()
    }
