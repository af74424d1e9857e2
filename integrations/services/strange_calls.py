"""Calls of providers that nothing could be read from, because they are of no shape that we know.

Each is counted among the errors of its connection (``failures``), so that an alert can tell when they become more than
is usual, and so that what they told is asked for meanwhile: an account that other calls come from counts as heard.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Max

from integrations.errors import ErrorKind, ProviderError
from integrations.models import ProviderFailure, WebhookDelivery
from integrations.services import failures
from project.core.clock import now

#: What reading an object of another shape raises.
BREAKS: Final = (ValueError, TypeError, LookupError, AttributeError)
#: The name under which they are counted.
ROUTE: Final = "receive_webhooks"
#: How long ago one may have come to be asked after.
RECENT: Final = timedelta(hours=1)


def note(delivery: WebhookDelivery, why: str) -> None:
    """Count a call that could not be read. One that is replayed is no news."""
    if delivery.connection_id is None or delivery.replay_count:
        return
    error = ProviderError(
        ErrorKind.UNREADABLE,
        why.replace("\x00", ""),
        provider=delivery.provider,
        raw_type=delivery.event_type,
    )
    failures.note(
        error, connection_id=delivery.connection_id, organization_id=delivery.organization_id, route=ROUTE
    )


def newest() -> dict[UUID, datetime]:
    """Return the connections of the current organization that recently called so, and when they last did."""
    since = now() - RECENT
    rows = ProviderFailure.objects.filter(kind=ErrorKind.UNREADABLE.value, minute__gte=since, route=ROUTE)
    return dict(rows.order_by().values_list("connection_id").annotate(last=Max("last_at")))
