"""Domain events: what is below tells what is above, inside the same transaction.

``publish`` runs the receivers at once, in the order in which they subscribed, so that one fact from a provider
changes the enrollment, the conversation and the reporting facts together or not at all. Receivers are one-liners
that call a service. Work that may happen later is enqueued by services with ``project.core.tasks.enqueue``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainEvent:
    """Base of all domain events: an immutable fact in the past tense."""


E = TypeVar("E", bound=DomainEvent)
_receivers: dict[type[DomainEvent], dict[str, Callable[[Any], None]]] = {}


def subscribe(event_class: type[E], *, id: str) -> Callable[[Callable[[E], None]], Callable[[E], None]]:  # noqa: A002
    """Register a receiver under a stable ``id`` (``app.what``). Registering an id again replaces it."""

    def register(receiver: Callable[[E], None]) -> Callable[[E], None]:
        _receivers.setdefault(event_class, {})[id] = receiver
        return receiver

    return register


@dataclass(frozen=True, slots=True)
class _Many:
    """A receiver that takes several events of its class at once."""

    receiver: Callable[[Sequence[Any]], None]

    def __call__(self, event: Any) -> None:
        self.receiver([event])


def subscribe_many(
    event_class: type[E],
    *,
    id: str,  # noqa: A002
) -> Callable[[Callable[[Sequence[E]], None]], Callable[[Sequence[E]], None]]:
    """``subscribe`` for a receiver that takes all events of one ``publish_many`` at once, in their order."""

    def register(receiver: Callable[[Sequence[E]], None]) -> Callable[[Sequence[E]], None]:
        _receivers.setdefault(event_class, {})[id] = _Many(receiver)
        return receiver

    return register


def publish_many(events: Sequence[DomainEvent]) -> None:
    """``publish`` for several events that happened together: each receiver gets them all before the next one does."""
    by_class: dict[type[DomainEvent], list[DomainEvent]] = {}
    for event in events:
        by_class.setdefault(type(event), []).append(event)
    for event_class, found in by_class.items():
        _check_transaction(event_class)
        for receiver in _receivers.get(event_class, {}).values():
            if isinstance(receiver, _Many):
                receiver.receiver(found)
            else:
                for event in found:
                    receiver(event)


def publish(event: DomainEvent) -> None:
    """Tell all receivers of the event's class. Must be called inside a transaction; an error undoes it."""
    _check_transaction(type(event))
    for receiver in _receivers.get(type(event), {}).values():
        receiver(event)


def _check_transaction(event_class: type[DomainEvent]) -> None:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"{event_class.__name__} must be published inside a transaction.")


def receivers_of(event_class: type[DomainEvent]) -> list[str]:
    """Return the ids of the receivers of an event class (for the architecture page and tests)."""
    return list(_receivers.get(event_class, {}))
