"""What is new in a mailbox, by UID and UIDVALIDITY. Whether somebody has read it plays no part.

The cursor holds, for each folder, the UIDVALIDITY and the highest UID that was read, and the day of the last
look: where a folder was made anew (its UIDVALIDITY changed) everything since that day is read again, and the
events' keys keep it from counting twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from integrations import day_pages
from integrations.base import MessageKnowledge
from integrations.errors import ErrorKind, ProviderError
from integrations.events import Normalised
from integrations.mail.inbound import parse_inbound
from integrations.providers.mailbox import imap
from integrations.providers.mailbox.imap import Fetched, ImapSession
from integrations.providers.mailbox.servers import PROVIDER, MailboxSettings
from integrations.values import Page

INBOX: Final = "INBOX"
#: How far back a folder is read again that was made anew; INTERNALDATE is searched by the server's day.
OVERLAP: Final = timedelta(days=2)


@dataclass(slots=True)
class _Mark:
    """How far a folder was read."""

    validity: int
    uid: int


@dataclass(slots=True)
class _Cursor:
    folders: dict[str, _Mark]
    at: datetime


def poll(
    settings: MailboxSettings, cursor: str, limit: int, knowledge: MessageKnowledge | None
) -> Page[Normalised]:
    """Return at most ``limit`` messages that came after ``cursor``; ``""`` begins with what comes from now on.

    Sent mail comes before answers to it.
    """
    read = _read(cursor) if cursor else None
    now = datetime.now(UTC)
    found: list[tuple[datetime, Normalised]] = []
    with imap.session(settings) as session:
        marks = dict(read.folders) if read else {}
        for folder, is_sent in _folders(session, settings):
            opened = session.open(folder)
            mark = marks.get(folder)
            if read is None or mark is None:
                marks[folder] = _Mark(opened.uid_validity, max(0, opened.uid_next - 1))
                continue
            room = limit - len(found)
            if room <= 0:
                continue
            uids = _new(session, mark, opened.uid_validity, read.at)[:room]
            found.extend(
                (fetched.received_at, _event(settings, fetched, folder, is_sent, knowledge))
                for fetched in session.fetch(uids)
            )
            marks[folder] = _Mark(opened.uid_validity, uids[-1] if uids else _floor(mark, opened))
    found.sort(key=lambda pair: pair[0])
    items = tuple(item for _at, item in found)
    return Page[Normalised](items=items, cursor=_write(_Cursor(marks, now)))


def window(
    settings: MailboxSettings,
    since: datetime,
    until: datetime,
    cursor: str | None,
    knowledge: MessageKnowledge | None,
) -> Page[Normalised]:
    """Return the messages of one day of a window, oldest first: the day ``cursor``, at first the last one.

    A server searches by its own day and by when it took a message; what a message says of itself decides here.
    """
    first, day = day_pages.page(since, until, cursor)
    start, end = max(since, day), min(until, day + timedelta(days=1))
    found: list[tuple[datetime, Normalised]] = []
    with imap.session(settings) as session:
        for folder, is_sent in _folders(session, settings):
            session.open(folder)
            uids = session.uids_between(day - timedelta(days=1), day + timedelta(days=2))
            for fetched in session.fetch(uids):
                told = _event(settings, fetched, folder, is_sent, knowledge)
                at = told.events[0].occurred_at if told.events else fetched.received_at
                if start <= at < end:
                    found.append((at, told))
    found.sort(key=lambda pair: pair[0])
    return Page[Normalised](items=tuple(item for _at, item in found), cursor=day_pages.following(first, day))


def _floor(mark: _Mark, opened: imap.Opened) -> int:
    """Where to go on from if nothing was found: a folder made anew without recent mail begins at its end."""
    return mark.uid if mark.validity == opened.uid_validity else max(0, opened.uid_next - 1)


def _new(session: ImapSession, mark: _Mark, validity: int, since: datetime) -> list[int]:
    if mark.validity == validity:
        return session.uids_after(mark.uid)
    return session.uids_since(since - OVERLAP)


def _folders(session: ImapSession, settings: MailboxSettings) -> Iterator[tuple[str, bool]]:
    """The folders to read, and whether they hold what the owner sent; sent mail first."""
    sent = session.sent_folder()
    if sent:
        yield sent, True
    yield INBOX, False
    if settings.reads_junk:
        junk = session.junk_folder()
        if junk:
            yield junk, False


def _event(
    settings: MailboxSettings,
    fetched: Fetched,
    folder: str,
    is_sent: bool,
    knowledge: MessageKnowledge | None,
) -> Normalised:
    """One mail that cannot be read is passed over: it must not keep the others from being read."""
    try:
        return parse_inbound(
            fetched.raw,
            account_id=settings.address,
            provider=PROVIDER,
            own_addresses=(settings.address, settings.username),
            received_at=fetched.received_at,
            knowledge=knowledge,
            sent_folder=is_sent,
            raw_type=folder[:60],
        )
    except ProviderError as error:
        if error.kind is not ErrorKind.VALIDATION:
            raise
        return Normalised(ignored=f"{error.message} (UID {fetched.uid} in {folder})")


def _write(cursor: _Cursor) -> str:
    folders = {name: [mark.validity, mark.uid] for name, mark in cursor.folders.items()}
    return json.dumps({"at": cursor.at.isoformat(), "folders": folders}, separators=(",", ":"))


def _read(text: str) -> _Cursor:
    try:
        data: dict[str, Any] = json.loads(text)
        folders = {str(name): _Mark(int(mark[0]), int(mark[1])) for name, mark in data["folders"].items()}
        return _Cursor(folders, datetime.fromisoformat(data["at"]))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ProviderError(
            ErrorKind.VALIDATION, "The place to go on from cannot be read.", provider=PROVIDER
        ) from error
