"""Which deliveries: one filter for the page, the API, the command and replays, with the query that it comes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from django.db.models import F, Func, IntegerField, Q, QuerySet, TextField, Value
from django.db.models.functions import Coalesce, Left, NullIf
from django.db.models.lookups import GreaterThan
from django.utils.dateparse import parse_datetime, parse_time
from django.utils.timezone import get_current_timezone, is_naive, localdate, make_aware

from integrations.models import Connection, ProviderEvent, SenderAccount, WebhookDelivery
from integrations.webhook_search import containing
from project.core.clock import now
from project.core.ids import parse_uuid
from project.core.refusals import Invalid

State = WebhookDelivery.State

#: A search through bodies that names no time looks back this far.
SEARCHED: Final = timedelta(days=14)
#: Selected one by one, at most.
MAX_SELECTED: Final = 500
MAX_TEXT: Final = 200
_REASON_LENGTH: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which deliveries. Everything that is set has to hold; an empty one takes all of them.

    ``text`` is looked for in bodies without their secrets, event types and what deliveries changed, whatever the case;
    ids may be ours or the provider's. ``reason`` is one of ``dead_letters``. ``ids`` are deliveries that were picked.
    """

    provider: str = ""
    connection_id: UUID | None = None
    sender_id: UUID | None = None
    client_id: UUID | None = None
    event_type: str = ""
    state: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    reason: str = ""
    ids: tuple[UUID, ...] = ()

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Self:
        """Read a filter from a query string, a form or JSON; blank means not set. Raises ``Invalid``."""
        text: dict[str, Any] = {name: str(given.get(name) or "").strip() for name in _TEXTS}
        if text["state"] and text["state"] not in State.values:
            raise Invalid(f"A delivery is never {text['state']!r}.", field="state")
        if len(text["text"]) > MAX_TEXT:
            raise Invalid(f"Search for at most {MAX_TEXT} characters.", field="text")
        ids = given.get("ids") or ()
        if len(ids) > MAX_SELECTED:
            raise Invalid(f"Pick at most {MAX_SELECTED} deliveries, or use a filter.", field="ids")
        values: dict[str, Any] = {name: _uuid(given.get(name), name) for name in _IDS}
        values |= {name: _moment(given.get(name), name) for name in _TIMES}
        found = cls(
            **values,
            **text,
            ids=tuple(one for entry in ids if (one := _uuid(entry, "ids")) is not None),
        )
        if found.since and found.until and found.since > found.until:
            raise Invalid("The time from lies after the time to.", field="since")
        return found

    def as_json(self) -> dict[str, Any]:
        """Return what is set, as JSON types; ``parse`` reads it again."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _plain(value) for name, value in values.items() if value}

    @property
    def is_empty(self) -> bool:
        """Whether it takes everything."""
        return not self.as_json()

    def rows(self, client_ids: Iterable[UUID] | None = None) -> QuerySet[WebhookDelivery]:
        """Return the deliveries, of the connections of ``client_ids`` if that is not ``None``."""
        rows = self._plainly(within(client_ids))
        since = self.since or (now() - SEARCHED if self._searches else None)
        if since is not None:
            rows = rows.filter(received_at__gte=since)
        if self.sender_id is not None:
            rows = rows.filter(_of_accounts(SenderAccount.objects.filter(id=self.sender_id), since))
        if self.client_id is not None:
            accounts = SenderAccount.objects.filter(client_id=self.client_id)
            own = Q(connection_id__in=Connection.objects.filter(client_id=self.client_id).values("id"))
            rows = rows.filter(own | _of_accounts(accounts, since))
        return containing(rows, [self.text]) if self.text else rows

    @property
    def _searches(self) -> bool:
        """Whether it has to look into bodies, of deliveries that nobody picked."""
        return bool(self.text or self.sender_id or self.client_id) and not self.ids

    def _plainly(self, rows: QuerySet[WebhookDelivery]) -> QuerySet[WebhookDelivery]:
        for name in ("provider", "connection_id", "event_type", "state"):
            if value := getattr(self, name):
                rows = rows.filter(**{name: value})
        if self.until is not None:
            rows = rows.filter(received_at__lte=self.until)
        if self.ids:
            rows = rows.filter(id__in=self.ids)
        if self.reason:
            rows = with_reason(rows).filter(why=self.reason)
        return rows


_TEXTS: Final = ("provider", "event_type", "state", "text", "reason")
_IDS: Final = ("connection_id", "sender_id", "client_id")
_TIMES: Final = ("since", "until")


def within(client_ids: Iterable[UUID] | None) -> QuerySet[WebhookDelivery]:
    """Return the deliveries to connections of these clients; ``None``: all of them."""
    rows: QuerySet[WebhookDelivery] = WebhookDelivery.objects.all()
    if client_ids is None:
        return rows
    return rows.filter(
        connection_id__in=Connection.objects.filter(client_id__in=list(client_ids)).values("id")
    )


def replayable(rows: QuerySet[WebhookDelivery]) -> QuerySet[WebhookDelivery]:
    """Leave out what was refused at the door: it is not proven to come from the provider, or cut off."""
    return rows.exclude(state=State.REJECTED, attempts=0)


def is_replayable(delivery: WebhookDelivery) -> bool:
    """Whether a delivery can be replayed, as ``replayable``."""
    return delivery.state != State.REJECTED or delivery.attempts > 0


def with_reason(rows: QuerySet[WebhookDelivery]) -> QuerySet[Any]:
    """Add ``why``: what went wrong, with ids and numbers left out, so that the same trouble is one group."""
    told = Coalesce(NullIf(F("last_error"), Value("")), F("reason"))
    first_line = Func(told, Value("\n"), Value(1), function="split_part", output_field=TextField())
    numberless = Func(
        first_line,
        Value(r"[0-9a-fA-F]{8}[0-9a-fA-F-]*|\d+"),
        Value("#"),
        Value("g"),
        function="regexp_replace",
        output_field=TextField(),
    )
    return rows.annotate(why=Left(numberless, _REASON_LENGTH))


def mentioning(words: Iterable[str], *, since: datetime) -> QuerySet[WebhookDelivery]:
    """Return the deliveries since then whose bodies mention any of ``words``."""
    return containing(WebhookDelivery.objects.filter(received_at__gte=since), words)


def _of_accounts(accounts: QuerySet[SenderAccount], since: datetime | None) -> Q:
    """Deliveries that told something about one of the accounts, or whose body names one (lost ones did not tell)."""
    told = ProviderEvent.objects.filter(sender_id__in=accounts.values("id"), delivery_id__isnull=False)
    if since is not None:
        told = told.filter(recorded_at__gte=since)
    named = Q()
    for connection_id, account_id in accounts.values_list("connection_id", "provider_account_id")[:200]:
        inside = Func(
            Value(account_id.encode(), output_field=WebhookDelivery._meta.get_field("body")),
            F("body"),
            template="position(%(expressions)s)",
            arg_joiner=" IN ",
            output_field=IntegerField(),
        )
        named |= Q(connection_id=connection_id) & Q(GreaterThan(inside, 0))
    return Q(id__in=told.values("delivery_id")) | named


def _uuid(value: Any, name: str) -> UUID | None:
    if value in (None, ""):
        return None
    found = parse_uuid(str(value))
    if found is None:
        raise Invalid("This is not an id.", field=name)
    return found


def _moment(value: Any, name: str) -> datetime | None:
    """A time, in the viewer's zone if it names none; of today if it is a time of day."""
    if value in (None, ""):
        return None
    try:
        found = value if isinstance(value, datetime) else parse_datetime(str(value).strip())
        if found is None and (clock := parse_time(str(value).strip())) is not None:
            found = datetime.combine(localdate(), clock)
    except ValueError:
        found = None
    if found is None:
        raise Invalid("Write the time as 2026-11-20T09:12, or as 09:12 for today.", field=name)
    return make_aware(found, get_current_timezone()) if is_naive(found) else found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return [str(one) for one in value] if isinstance(value, tuple) else value
