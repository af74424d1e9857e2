"""The encrypted columns of the product, as the apps register them, and turning their key.

Each app registers its columns in ``ready``, or a function for secrets that are not a column of their own;
``manage.py rotate_credentials`` walks them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.apps import apps

from project.core import crypto
from project.core.crypto import CredentialsUnreadable

_columns: set[tuple[str, str]] = set()
_others: dict[str, Callable[[bool], Rotation]] = {}

BATCH = 500


@dataclass(slots=True)
class Rotation:
    """What a rotation did to one column."""

    column: str
    rotated: int = 0
    unreadable: int = 0
    #: Rows that somebody else wrote meanwhile: they already carry the newest key.
    changed_meanwhile: int = 0


def register_encrypted(model: str, field: str) -> None:
    """Register a text column that holds ``crypto.encrypt`` values: ``register_encrypted("app.Model", "column")``."""
    _columns.add((model, field))


def register_rotation(name: str, rotate: Callable[[bool], Rotation]) -> None:
    """Register how other secrets get the newest key: ``rotate(dry_run)``, called in the platform scope."""
    _others[name] = rotate


def rotate_all(*, dry_run: bool = False) -> list[Rotation]:
    """Give every stored secret the newest key. Must run in the platform scope."""
    done = [rotate_column(model, field, dry_run=dry_run) for model, field in encrypted_columns()]
    return done + [_others[name](dry_run) for name in sorted(_others)]


def encrypted_columns() -> list[tuple[str, str]]:
    """Return the registered columns as ``(model label, field)``, sorted."""
    return sorted(_columns)


def rotate_column(model_label: str, field: str, *, dry_run: bool = False) -> Rotation:
    """Encrypt every value of a column anew with the newest key. Must run in the platform scope.

    Each row is written only if it still holds what was read, so that credentials entered meanwhile survive; values
    that no configured key opens are left alone and counted. Running it again is harmless.
    """
    model = apps.get_model(model_label)
    done = Rotation(f"{model_label}.{field}")
    last = None
    while True:
        rows = model._default_manager.exclude(**{field: ""}).order_by("pk")
        if last is not None:
            rows = rows.filter(pk__gt=last)
        batch = list(rows.values_list("pk", field)[:BATCH])
        if not batch:
            return done
        for key, value in batch:
            _rotate_row(model, field, key, value, done, dry_run)
        last = batch[-1][0]


def _rotate_row(model: type, field: str, key: object, value: str, done: Rotation, dry_run: bool) -> None:
    try:
        fresh = crypto.rotate(value)
    except CredentialsUnreadable:
        done.unreadable += 1
        return
    if dry_run:
        done.rotated += 1
        return
    manager = model._default_manager  # type: ignore[attr-defined]
    if manager.filter(**{"pk": key, field: value}).update(**{field: fresh}):
        done.rotated += 1
    else:
        done.changed_meanwhile += 1
