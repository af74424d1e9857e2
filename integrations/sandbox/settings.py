"""The sandbox's own switches: who may call, how the providers behave, how webhooks are retried."""

from __future__ import annotations

from typing import Any

from integrations.sandbox.store import Store

#: Name -> default. A ``[low, high]`` pair is a range in sandbox minutes, drawn per event.
DEFAULTS: dict[str, Any] = {
    "api_keys": ["sandbox-key"],
    "autopilot": True,
    "new_relation_delay_minutes": [5, 60],
    "daily_invites": 100,
    "weekly_invites": 200,
    "free_notes_per_month": 5,
    "withdrawn_cooldown_days": 21,
    "event_batch_seconds": 30,
    "webhook_timeout_seconds": 30,
    "webhook_retry_minutes": [1, 5, 15, 60, 180],
    "webhook_concurrency": 1,
    "calls_kept": 20000,
    "attach_delay_minutes": 0,
}


class InvalidSetting(Exception):
    """A setting was given a name or a value that makes no sense; the text says which."""


def _check(name: str, value: Any) -> Any:
    if name not in DEFAULTS:
        raise InvalidSetting(f"{name}: unknown setting")
    default = DEFAULTS[name]
    if name == "api_keys":
        if not (isinstance(value, list) and value and all(isinstance(key, str) and key for key in value)):
            raise InvalidSetting("api_keys: a list of at least one non-empty string")
    elif isinstance(default, bool):
        if not isinstance(value, bool):
            raise InvalidSetting(f"{name}: true or false")
    elif isinstance(default, list):
        numbers = isinstance(value, list) and all(_is_number(item) and item >= 0 for item in value)
        pair = name != "new_relation_delay_minutes" or (numbers and len(value) == 2 and value[0] <= value[1])
        if not (numbers and pair):
            raise InvalidSetting(f"{name}: a list of minutes, none negative")
    elif not _is_number(value) or value < 0:
        raise InvalidSetting(f"{name}: a number, zero or more")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Settings:
    """Persisted settings with defaults; reading an unknown name is a programming error (``KeyError``)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        stored = store.setting("settings", {})
        self._values: dict[str, Any] = DEFAULTS | {name: stored[name] for name in stored if name in DEFAULTS}

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def update(self, changes: dict[str, Any]) -> None:
        """Check and store ``changes``; raises ``InvalidSetting`` and then changes nothing."""
        checked = {name: _check(name, value) for name, value in changes.items()}
        self._values |= checked
        self._store.set_setting("settings", self._values)

    def describe(self) -> dict[str, Any]:
        """Every setting with its current value."""
        return dict(self._values)
