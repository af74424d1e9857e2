"""What came in, by asking: finds the messages whose webhook was lost.

Twilio lists messages newest first and filters by the day, so that a poll reads back to its cursor and hands over the
oldest first. The cursor is the time of the newest message with the ids around it, for times are whole seconds and
messages may appear a little late.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Final

from integrations import day_pages
from integrations.errors import ErrorKind, ProviderError
from integrations.events import Normalised
from integrations.providers.twilio import inbound
from integrations.providers.twilio.client import TwilioClient
from integrations.providers.twilio.fields import PROVIDER, moment, text
from integrations.values import Page, Raw

OVERLAP: Final = timedelta(minutes=2)
_MAX_PAGES: Final = 50
_PAGE: Final = "1000"


def poll(client: TwilioClient, account_id: str, cursor: str, limit: int) -> Page[Normalised]:
    """Return what came after ``cursor``, oldest first, at most ``limit`` messages. ``""`` begins now."""
    if not cursor:
        return Page[Normalised](items=(), cursor=_cursor(datetime.now(UTC), []))
    since, seen = _read(cursor)
    fresh = [raw for raw in _received(client, account_id, since - OVERLAP) if text(raw, "sid") not in seen]
    fresh.reverse()
    taken = fresh[:limit]
    if not taken:
        return Page[Normalised](items=(), cursor=cursor)
    newest = max([since, *(_time(raw) for raw in taken)])
    around = [text(raw, "sid") for raw in taken if _time(raw) >= newest - OVERLAP]
    return Page[Normalised](
        items=tuple(inbound.from_record(raw, account_id=account_id) for raw in taken),
        # Ids from before stay while they are within the overlap; a few too many do no harm.
        cursor=_cursor(newest, [*around, *(seen if newest - since < OVERLAP else ())]),
    )


def window(
    client: TwilioClient, account_id: str, since: datetime, until: datetime, cursor: str | None
) -> Page[Normalised]:
    """Return the messages of theirs of one day of a window: the day ``cursor``, at first the last one."""
    first, day = day_pages.page(since, until, cursor)
    found = _received(client, account_id, max(since, day), until=min(until, day + timedelta(days=1)))
    return Page[Normalised](
        items=tuple(inbound.from_record(raw, account_id=account_id) for raw in reversed(found)),
        cursor=day_pages.following(first, day),
    )


def _received(
    client: TwilioClient, account_id: str, since: datetime, *, until: datetime | None = None
) -> list[Raw]:
    """Return the messages of theirs since a moment, newest first."""
    params = [("DateSent>", since.strftime("%Y-%m-%d")), ("PageSize", _PAGE)]
    if until is not None:
        # Whether the day itself counts is not said: the next one is asked for, and the time decides.
        params.append(("DateSent<", (until + timedelta(days=1)).strftime("%Y-%m-%d")))
    if not inbound.is_service(account_id):
        params.append(("To", account_id))
    found: list[Raw] = []
    for page in client.pages("/Messages.json", "messages", params, most=_MAX_PAGES):
        for raw in page:
            if _time(raw) < since:
                return found
            if until is not None and _time(raw) >= until:
                continue
            if text(raw, "direction") == "inbound" and _is_for(raw, account_id):
                found.append(raw)
    return found


def _is_for(raw: Raw, account_id: str) -> bool:
    if inbound.is_service(account_id):
        return text(raw, "messaging_service_sid") == account_id
    return text(raw, "to") == account_id


def _time(raw: Raw) -> datetime:
    return moment(raw.get("date_sent")) or moment(raw.get("date_created")) or datetime.now(UTC)


def _cursor(at: datetime, ids: list[str]) -> str:
    return json.dumps({"at": at.isoformat(), "ids": ids}, separators=(",", ":"))


def _read(cursor: str) -> tuple[datetime, frozenset[str]]:
    try:
        data = json.loads(cursor)
        return datetime.fromisoformat(data["at"]), frozenset(map(str, data["ids"]))
    except (ValueError, TypeError, KeyError) as error:
        raise ProviderError(
            ErrorKind.VALIDATION, "The place to go on from cannot be read.", provider=PROVIDER
        ) from error
