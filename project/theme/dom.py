"""Element ids: one function makes every id that a swap, a broadcast or a test addresses."""

from __future__ import annotations

import re
from typing import Any

#: Kinds whose public element ids are shorter than the model's name.
_KINDS = {"sender-account": "sender", "webhook-delivery": "webhook"}


def dom_id(obj: Any, suffix: str = "") -> str:
    """Return ``<kind>-<suffix>-<id>``, such as ``conversation-row-0197...`` or ``message-0197...``.

    The kind is the object's ``dom_kind`` attribute if it has one (rows made by selectors), else its class
    name in kebab case. ``AttributeError`` when the object has neither ``pk`` nor ``id``.
    """
    key = obj.pk if hasattr(obj, "pk") else obj.id
    kind = getattr(obj, "dom_kind", "") or _kind(type(obj).__name__)
    return "-".join(str(piece) for piece in (kind, suffix, key) if piece != "")


def _kind(class_name: str) -> str:
    kebab = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", class_name).lower()
    return _KINDS.get(kebab, kebab)
