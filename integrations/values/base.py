"""What all values share: frozen, unknown fields refused; and a page of them."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

Raw = dict[str, Any]
"""A provider's JSON object as it was received."""


T = TypeVar("T")


class Value(BaseModel):
    """Base of all values: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Page(Value, Generic[T]):
    """One page of a list. ``cursor`` is opaque; ``None`` means that there is no further page.

    ``note`` says why there is nothing where the provider has no such list (mission P5); it is no error.
    """

    items: tuple[T, ...]
    cursor: str | None = None
    note: str = ""
