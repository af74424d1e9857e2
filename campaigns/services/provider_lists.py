"""Providers' lists and ours, in step: what they refuse to write to becomes part of our own suppressions, and stays
there when they forget it; what people ask of us is put on theirs.
"""

from __future__ import annotations

from typing import Final

from campaigns import identity
from campaigns.events import AddressUnsubscribed
from campaigns.models import Suppression
from campaigns.services import suppression
from integrations import registry
from integrations.domain_events import ProviderSuppressed
from integrations.services import suppressions

_Source = Suppression.Source
#: Kind of ``ProviderSuppression`` -> how the address came onto our list.
_SOURCES: Final = {
    "bounce": _Source.BOUNCE,
    "invalid": _Source.BOUNCE,
    "complaint": _Source.COMPLAINT,
    "unsubscribe": _Source.PROVIDER,
}


def on_provider_suppressed(event: ProviderSuppressed) -> None:
    """Learn from a provider's list as it is read."""
    learn(event)


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


def tell(event: AddressUnsubscribed) -> None:
    """Put who asked to be left out on the lists of the providers concerned."""
    wish = event.unsubscribe
    if wish.channel == "email":
        suppressions.tell(client_id=None if wish.everywhere else wish.client_id, address=wish.value)
