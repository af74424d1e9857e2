"""Other shapes of the same facts (docs/providers/twilio.md): Twilio adds fields without notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _with_new_field(item: Any) -> Any:
    return item | {"XNewField": "2026-01"} if isinstance(item, dict) else item


def _without_error_code(item: Any) -> Any:
    return {name: value for name, value in item.items() if name not in {"ErrorCode", "error_code"}}


def _only_sms_sid(item: Any) -> Any:
    """The older names: ``SmsSid`` and ``SmsStatus`` alone."""
    return {name: value for name, value in item.items() if name not in {"MessageSid", "MessageStatus"}}


VARIANTS: dict[str, Callable[[Any], Any]] = {
    "unknown_fields": _with_new_field,
    "no_error_code": _without_error_code,
    "only_sms_sid": _only_sms_sid,
}
