"""Typed access to the environment: the only module that reads ``os.environ`` for settings.

Every variable ``NAME`` may also be given as ``NAME_FILE`` (a path whose content is the value), which is how
container platforms hand over secrets. A missing or malformed value raises ``ImproperlyConfigured`` with the
variable's name; a wrong configuration must stop the process, not surface later.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR: Final = Path(__file__).resolve().parent.parent
_reader = environ.FileAwareEnv()


def text(name: str, default: str | None = None) -> str:
    """Return ``name`` as text. Raises ``ImproperlyConfigured`` when it is unset and has no default."""
    value: str | None = _reader.str(name, default=default)
    if value is None:
        raise ImproperlyConfigured(f"Set the environment variable {name} (or {name}_FILE).")
    return value


def optional(name: str) -> str | None:
    """Return ``name`` as text, or ``None`` when it is unset or empty."""
    return text(name, "") or None


def flag(name: str, default: bool) -> bool:
    """Return ``name`` as a boolean: 1/true/yes/on or 0/false/no/off (any case)."""
    raw = text(name, "1" if default else "0").strip().lower()
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"0", "false", "no", "off", ""}:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {raw!r}.")


def integer(name: str, default: int) -> int:
    """Return ``name`` as an integer."""
    raw = text(name, str(default))
    try:
        return int(raw)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {raw!r}.") from error


def words(name: str, default: str = "") -> list[str]:
    """Return ``name`` as a list of comma-separated values without blanks."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def path(name: str, default: str) -> Path:
    """Return ``name`` as an absolute path."""
    return Path(text(name, default)).expanduser().resolve()


def is_set(name: str) -> bool:
    """Say whether ``name`` or ``name_FILE`` has a non-empty value."""
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def secret(name: str, default: str | None = None) -> str:
    """Return a secret; like ``text`` but refuses values shorter than 16 characters."""
    value = text(name, default)
    if len(value) < 16:
        raise ImproperlyConfigured(f"{name} must be at least 16 characters long.")
    return value


def generated_secret(name: str, data_dir: Path) -> str:
    """Return secret ``name``; if it is unset, one that is generated once and kept in ``data_dir``.

    The file is created with mode 0600 and only ever by whoever comes first (``O_EXCL``), so several
    processes of one installation agree on it. Meant for the embedded installation; deployments set the variable.
    """
    if is_set(name):
        return secret(name)
    import secrets

    folder = data_dir / "secrets"
    target = folder / name.lower()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return target.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name} is unset and {folder} cannot be written ({error.strerror})."
        ) from error
    from base64 import urlsafe_b64encode

    value = urlsafe_b64encode(secrets.token_bytes(32)).decode()
    with os.fdopen(descriptor, "w") as handle:
        handle.write(value)
    return value


def data_dir() -> Path:
    """Return where an installation keeps its data."""
    return path("DATA_DIR", str(BASE_DIR / ".data"))
