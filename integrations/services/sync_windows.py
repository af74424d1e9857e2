"""Runs that go on by themselves until they are through: a window of messages, all connections, ids of chats, the count
of a day.

They are put back into the queue after a bounded number of requests, so that one account's history never holds up
another's news, and keep their place in the run itself, so that a restart goes on there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.dateparse import parse_datetime

from integrations.base import ReadsProfiles, SyncsMessages, SyncsRelations, require
from integrations.domain_events import ChatFound, RelationsListed, RelationsTold
from integrations.errors import ErrorKind, ProviderError
from integrations.events import MessageReceived
from integrations.locks import lock_sender
from integrations.models import ProviderEvent, SenderAccount, SyncRun
from integrations.services import ledger, rates, readers
from integrations.services.sync_pages import PAGE, SAMPLES, Progress
from integrations.services.sync_sources import Listed, Source, Told, source_of
from integrations.values import Direction, Person, Relation
from project.core.clock import now
from project.core.events import publish

#: Profiles that one run looks up at most: each counts as a view of the account.
MAX_LOOKUPS: Final = 50
#: The ``SyncRun.scope`` of a count of all accounts that are read together.
TOGETHER: Final = {"together": True}
#: People whose chat is looked for in one turn of a run.
CHATS_AT_ONCE: Final = 50

#: Account, the last one that was looked at, how many: ids of people whose conversation has no id of its chat, in order.
NamelessChats = Callable[[SenderAccount, str, int], Sequence[str]]
_nameless: dict[str, NamelessChats] = {}


def register_nameless(name: str, source: NamelessChats) -> None:
    """Register who knows conversations without the ids of their chats. Registering a name again replaces it."""
    _nameless[name] = source


# --- a window of messages -----------------------------------------------------------------------------


def _source(progress: Progress) -> Source:
    together = progress.run.scope == TOGETHER
    return source_of(progress.connect(), progress.run.sender, progress.knowledge, now(), together=together)


def _pages(progress: Progress, source: Source) -> Iterator[list[Told]]:
    """Yield the pages of the run's window, newest first, and keep the place after each. Sets ``progress.through``."""
    run = progress.run
    since = run.since or progress.started
    cursor = progress.position.get("cursor") if source.keeps_cursor else None
    before: datetime | None = parse_datetime(progress.position.get("before", "")) or run.until
    # What had the very time at which the last turn ended is listed again.
    edge = set(progress.position.get("edge", ()))
    while progress.may_ask():
        listed = source.page(since=since, before=before, cursor=cursor)
        progress.note = listed.note or progress.note
        items = [told for told in listed.items if edge.isdisjoint(told.keys)]
        progress.seen += len(items)
        yield items
        progress.position = _place(source, listed, progress.position)
        progress.page_done(None)
        if listed.cursor is None:
            progress.through = True
            return
        if progress.cancelled:
            return
        cursor, edge = listed.cursor, set()


def _place(source: Source, listed: Listed, last: dict[str, Any]) -> dict[str, Any]:
    if source.keeps_cursor:
        return {"cursor": listed.cursor}
    if not listed.items:
        return last
    oldest = min(told.occurred_at for told in listed.items)
    edge = sorted(key for told in listed.items if told.occurred_at == oldest for key in told.keys)
    return {"before": (oldest + timedelta(milliseconds=1)).isoformat(), "edge": edge}


def read_history(progress: Progress) -> bool:
    """Record everything of the window that is not known here."""
    source, sender = _source(progress), progress.run.sender
    for items in _pages(progress, source):
        events = progress.complete(source, sender, items[::-1])
        progress.record_for(sender, events, ProviderEvent.Source.HISTORY)
    return progress.through


def count_day(progress: Progress) -> bool:
    """Count what the provider lists of the day and how much of it is stored, by account; nothing is recorded."""
    source = _source(progress)
    progress.result.setdefault("lists_own", source.lists_own)
    begins = progress.run.since or progress.started
    senders = {sender.provider_account_id: sender for sender in _counted(progress.run)}
    for items in _pages(progress, source):
        found: dict[str, list[tuple[Told, MessageReceived]]] = {}
        for told in items:
            message = _message(told, source)
            # A list that goes by when a mail was fetched holds some of the day before: they are in that day's count.
            if message is not None and told.occurred_at >= begins and told.account_id in senders:
                found.setdefault(told.account_id, []).append((told, message))
        for account_id, counted in found.items():
            _count(progress, senders[account_id], counted)
    return progress.through


def _counted(run: SyncRun) -> list[SenderAccount]:
    """Return the accounts whose day a run counts."""
    if run.scope != TOGETHER:
        return [run.sender]
    return [
        sender
        for sender in readers.read_by(run.sender)
        if sender.status != SenderAccount.Status.DELETED
        and (run.until is None or sender.created_at < run.until)
    ]


def _count(progress: Progress, sender: SenderAccount, counted: list[tuple[Told, MessageReceived]]) -> None:
    known = progress.known(sender, [message.dedupe_key for _told, message in counted])
    missing = [told for told, message in counted if message.dedupe_key not in known]
    figures = {"listed": len(counted), "stored": len(counted) - len(missing)}
    of_account = progress.result.setdefault("accounts", {}).setdefault(str(sender.id), {"missing": []})
    for name, number in figures.items():
        progress.tally(name, number)
        of_account[name] = of_account.get(name, 0) + number
    of_account["missing"] += [_sample(told) for told in missing[: SAMPLES - len(of_account["missing"])]]


def _message(told: Told, source: Source) -> MessageReceived | None:
    """The message of a listed item that the ledger counts."""
    found = next((event for event in told.events if isinstance(event, MessageReceived)), None)
    if found is None or (found.direction is not Direction.INBOUND and not source.lists_own):
        return None
    return found


def _sample(told: Told) -> dict[str, str]:
    at = told.occurred_at.astimezone(UTC).isoformat(timespec="seconds")
    return {"at": at, "who": told.who[:80], "text": told.text[:120]}


def settle_day(progress: Progress) -> None:
    """Write the ledger's lines of a day that was counted. Where nothing was given out there is nothing to say."""
    run, result = progress.run, progress.result
    if (progress.note and not result.get("listed")) or run.since is None:
        return
    # A count that began before accounts were counted together has its figures one level up.
    accounts = result.get("accounts", {str(run.sender_id): result})
    for sender in _counted(run):
        figures = accounts.get(str(sender.id), {})
        found = ledger.DayCount(
            listed=int(figures.get("listed", 0)),
            stored=int(figures.get("stored", 0)),
            samples=list(figures.get("missing", ())),
            lists_own=bool(result.get("lists_own")),
        )
        ledger.settle(sender=sender, day=run.since.astimezone(UTC).date(), found=found)
        rates.backfill(sender=sender, since=run.since, until=run.until or run.since)


# --- all connections ----------------------------------------------------------------------------------


def read_connections(progress: Progress) -> bool:
    """Read all connections of the account, record those that are new, and match each with the leads there are now."""
    adapter = require(progress.connect(), SyncsRelations)
    sender = progress.run.sender
    while progress.may_ask():
        page = adapter.list_relations(
            account_id=sender.provider_account_id, cursor=progress.position.get("cursor"), limit=PAGE
        )
        progress.seen += len(page.items)
        events = [
            event
            for relation in reversed(page.items)
            for event in adapter.events_from_relation(
                account_id=sender.provider_account_id, relation=relation, seen_at=progress.started
            ).events
        ]
        progress.record_for(sender, progress.new_ones(events), ProviderEvent.Source.HISTORY)
        _match(progress, page.items)
        progress.position = {"cursor": page.cursor}
        progress.page_done(None)
        if page.cursor is None:
            return True
        if progress.cancelled:
            return False
    return False


def _match(progress: Progress, relations: Sequence[Relation]) -> None:
    """Match a page of connections with leads; who has no public identifier is looked up, as far as that is allowed."""
    people = [_person(relation) for relation in relations]
    told = _tell(progress, people, relations)
    blind = [place for place in told.unmatched if not people[place].public_identifier]
    looked_up = {place: found for place in blind if (found := _look_up(progress, people[place]))}
    if looked_up:
        again = list(looked_up)
        second = _tell(progress, [looked_up[place] for place in again], [relations[place] for place in again])
        unmatched = set(told.unmatched) - set(again) | {again[place] for place in second.unmatched}
        progress.tally("looked_up", len(again))
        for name in ("matched", "known", "outside"):
            progress.tally(name, getattr(second, name))
    else:
        unmatched = set(told.unmatched)
    for name in ("matched", "known", "outside"):
        progress.tally(name, getattr(told, name))
    progress.tally("unmatched", len(unmatched))
    for place in sorted(unmatched):
        progress.sample("people", people[place].name or people[place].provider_id)


def _person(relation: Relation) -> Person:
    return Person(
        provider_id=relation.provider_id,
        name=f"{relation.first_name} {relation.last_name}".strip(),
        public_identifier=relation.public_identifier,
        member_urn=relation.member_urn,
        profile_url=relation.profile_url,
    )


def _tell(progress: Progress, people: Sequence[Person], relations: Sequence[Relation]) -> RelationsTold:
    told = RelationsTold()
    sender, campaign_id = progress.run.sender, progress.run.scope.get("campaign_id")
    with transaction.atomic():
        lock_sender(sender.id)
        publish(
            RelationsListed(
                sender=sender,
                people=people,
                connected_at=[relation.connected_at or progress.started for relation in relations],
                campaign_id=UUID(campaign_id) if campaign_id else None,
                told=told,
            )
        )
    return told


def _look_up(progress: Progress, person: Person) -> Person | None:
    """Ask who somebody is, within the account's budget of profile views."""
    if not isinstance(progress.adapter, ReadsProfiles) or not person.provider_id:
        return None
    if int(progress.result.get("asked", 0)) >= MAX_LOOKUPS:
        return None
    sender = progress.run.sender
    with transaction.atomic():
        reserved = rates.reserve(sender=sender, action="profile_view", at=now())
    if not isinstance(reserved, rates.Reserved):
        progress.note = "Not everybody was looked up: the account's profile views of today are used."
        return None
    progress.tally("asked")
    progress.requests += 1
    try:
        profile = progress.adapter.get_profile(
            account_id=sender.provider_account_id, identifier=person.provider_id
        )
    except ProviderError as error:
        if error.kind is not ErrorKind.NOT_FOUND:
            raise
        return None
    if not profile.public_identifier and not profile.member_urn:
        return None
    learnt = {"public_identifier": profile.public_identifier, "member_urn": profile.member_urn}
    return person.model_copy(update=learnt)


# --- ids of chats -------------------------------------------------------------------------------------


def find_chats(progress: Progress) -> bool:
    """Find the chats of conversations that were begun here and whose ids the provider never told."""
    adapter = require(progress.connect(), SyncsMessages)
    sender = progress.run.sender
    last = str(progress.position.get("after", ""))
    wanted = sorted(
        {person for source in _nameless.values() for person in source(sender, last, CHATS_AT_ONCE)}
    )[:CHATS_AT_ONCE]
    for person in wanted:
        if not progress.may_ask():
            return False
        page = adapter.chats_with(account_id=sender.provider_account_id, recipient_provider_id=person)
        progress.seen += 1
        found = next((chat for chat in page.items if not chat.is_group), None)
        if found is None:
            progress.tally("without")
        else:
            with transaction.atomic():
                lock_sender(sender.id)
                publish(ChatFound(sender=sender, counterpart_id=person, chat=found))
            progress.tally("found")
        progress.position = {"after": person}
        progress.page_done(None)
        if progress.cancelled:
            return False
    return len(wanted) < CHATS_AT_ONCE


READERS: Final[dict[str, Callable[[Progress], bool]]] = {
    "history": read_history,
    "connections": read_connections,
    "chats": find_chats,
    "ledger": count_day,
}
