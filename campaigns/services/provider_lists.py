"""What providers refuse to write to becomes part of our own suppressions, and stays there when they forget it."""

from __future__ import annotations

from typing import Final

from campaigns import identity
from campaigns.models import Suppression
from campaigns.services import suppression
from integrations import registry
from integrations.domain_events import ProviderSuppressed

_Source = Suppression.Source
#: Kind of ``ProviderSuppression`` -> how the address came onto our list.
_SOURCES: Final = {
    "bounce": _Source.BOUNCE,
    "invalid": _Source.BOUNCE,
    "complaint": _Source.COMPLAINT,
    "unsubscribe": _Source.PROVIDER,
}


def learn(event: ProviderSuppressed) -> bool:
    """Store an entry of a provider's list; ``False`` if it is none of those that forbid writing, or no address."""
    source = _SOURCES.get(event.suppression.kind)
    if source is None:
        return False
    try:
        address = identity.email_address(event.suppression.address)
    except identity.InvalidAddress:
        return False
    label = registry.get(event.connection.provider).label
    suppression.suppress(
        client_id=event.connection.client_id,
        channel="email",
        value=address,
        source=source,
        reason=event.suppression.reason or f"On the list of {label}.",
    )
    return True
