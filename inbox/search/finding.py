"""Finding conversations by text, newest first, among a stated number of candidates.

PostgreSQL cannot use a text index below row-level security (its operators are not leakproof), so two functions of the
owner look into the indexes: they read the organization from the scope themselves and find nothing without one
(docs/decisions/0016-search.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, UUIDField, Value
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from campaigns.models import Campaign
from inbox.models import Conversation, ConversationLabel, Label, Message, Note
from inbox.search.query import SearchQuery, Word
from integrations.models import SenderAccount
from project.core.clock import now
from project.tenancy.access import Access
from project.tenancy.models import Membership

#: Most messages, and most people, that one search looks at: the newest that match.
CANDIDATES: Final = 1_000
#: Names that an operator may stand for.
_NAMES: Final = 50
_START, _STOP = "\x02", "\x03"
_HEADLINE: Final = f"StartSel={_START}, StopSel={_STOP}, MaxWords=22, MinWords=12, MaxFragments=1"


@dataclass(frozen=True, slots=True)
class Found:
    """What a search narrows the list to.

    ``hits`` names the newest message found in each conversation; ``capped`` says that there are more candidates than
    were looked at; ``problems`` are sentences for whoever typed.
    """

    condition: Q
    hits: dict[UUID, UUID] = field(default_factory=dict)
    capped: bool = False
    problems: tuple[str, ...] = ()


def find(query: SearchQuery, access: Access) -> Found:
    """Look for what was typed, within reach of the viewer."""
    condition, problems = _operators(query, access)
    clients = None if access.client_ids is None else sorted(access.client_ids)
    people: list[UUID] | None = None
    for name in query.operators.get("from", ()):
        found = _people([Word(part, is_prefix=True) for part in name.split()], clients)
        people = found if people is None else [one for one in people if one in set(found)]
    if people is not None:
        condition &= _one_of(people)
    if not query.has_words:
        return Found(condition, problems=(*query.problems, *problems))
    rows = _messages(query, clients, people)
    hits: dict[UUID, UUID] = {}
    for message_id, conversation_id in rows:
        hits.setdefault(conversation_id, message_id)
    named = [] if people is not None else _people(list(query.words), clients)
    condition &= _one_of([*hits, *(one for one in named if one not in hits)])
    is_capped = max(len(rows), len(named)) >= CANDIDATES
    return Found(condition, hits, is_capped, (*query.problems, *problems))


def _one_of(ids: list[UUID]) -> Q:
    """Conversations with these ids, as one parameter: a thousand of them cost more than the statement."""
    given = Value(ids, ArrayField(UUIDField()))
    return Q(
        Func(F("id"), given, template="%(expressions)s)", arg_joiner=" = ANY(", output_field=BooleanField())
    )


def find_people(words: list[Word], access: Access) -> list[UUID]:
    """The conversations with people whose name, company or address has all of these words, newest first."""
    return _people(words, None if access.client_ids is None else sorted(access.client_ids))


def headlines(query: SearchQuery, message_ids: list[UUID]) -> dict[UUID, SafeString]:
    """The passage of each message in which the words stand, with the words marked; none of what was taken back."""
    sql, given = _tsquery([word for word in query.words if not word.is_excluded])
    if not message_ids or not given:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, ts_headline('simple', left(body, 50000), {sql}, %s) "  # noqa: S608 (built from constants)
            "FROM inbox_message WHERE id = ANY(%s) AND deleted_at IS NULL AND state <> %s",
            [*given, _HEADLINE, message_ids, Message.State.WITHDRAWN],
        )
        return {row_id: _marked(text) for row_id, text in cursor.fetchall()}


def _marked(text: str) -> SafeString:
    shown = " ".join(text.split())
    return mark_safe(  # noqa: S308 (escaped before the marks are put in)
        escape(shown).replace(_START, "<mark>").replace(_STOP, "</mark>")
    )


def _tsquery(words: list[Word]) -> tuple[str, list[str]]:
    """SQL of what must stand in a text, and its parameters. The beginning of nothing but quotes narrows nothing."""
    parts, given = [], []
    for word in words:
        if word.is_prefix:
            quoted = word.text.replace("\\", "").replace("'", " ").strip()
            if not quoted:
                continue
            part, value = "to_tsquery('simple', %s)", f"'{quoted}':*"
        else:
            part, value = "phraseto_tsquery('simple', %s)", word.text
        parts.append(f"(!!{part})" if word.is_excluded else part)
        given.append(value)
    return " && ".join(parts) or "''::tsquery", given


def _messages(
    query: SearchQuery, clients: list[UUID] | None, conversations: list[UUID] | None
) -> list[tuple[UUID, UUID]]:
    sql, given = _tsquery(list(query.words))
    after = datetime.combine(query.after, time(), UTC) if query.after else None
    before = datetime.combine(query.before, time(), UTC) if query.before else None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT message_id, conversation_id FROM inbox_search_messages("  # noqa: S608 (built from constants)
            f"{sql}, %s::uuid[], %s::uuid[], %s::timestamptz, %s::timestamptz, %s::timestamptz, %s)",
            [*given, clients, conversations, after, before, now(), CANDIDATES],
        )
        return cursor.fetchall()


def _people(words: list[Word], clients: list[UUID] | None) -> list[UUID]:
    """The conversations with people whose name, company or address has all of these words."""
    sql, given = _tsquery(words)
    if not given:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT conversation_id FROM inbox_search_people({sql}, %s::uuid[], %s)",  # noqa: S608 (as above)
            [*given, clients, CANDIDATES],
        )
        return [row[0] for row in cursor.fetchall()]


# --- operators --------------------------------------------------------------------------------------


def _operators(query: SearchQuery, access: Access) -> tuple[Q, list[str]]:
    condition, problems = Q(), []
    named: dict[str, tuple[str, Any]] = {
        "campaign": ("campaign_id__in", Campaign.objects.filter(access.client_filter())),
        "client": ("client_id__in", access.clients()),
        "sender": ("sender_id__in", SenderAccount.objects.filter(access.client_filter())),
    }
    for key, values in query.operators.items():
        name = key.removeprefix("-")
        for value in values:
            if name in named:
                column, rows = named[name]
                ids = list(rows.filter(name__icontains=value).values_list("id", flat=True)[:_NAMES])
                found = Q(**{column: ids})
                problems += [] if ids else [f"No {name} is called “{value}”."]
            elif name != "from":
                found = _condition(name, value.lower(), access)
            else:
                continue
            condition &= ~found if key != name else found
    for day, lookup in ((query.after, "last_message_at__gte"), (query.before, "last_message_at__lt")):
        # With words, the messages themselves are of that time.
        if day and not query.has_words:
            condition &= Q(**{lookup: datetime.combine(day, time(), UTC)})
    return condition, problems


def _condition(name: str, value: str, access: Access) -> Q:
    if name == "label":
        labels = Label.objects.filter(name__icontains=value)
        return Q(Exists(ConversationLabel.objects.filter(conversation=OuterRef("id"), label__in=labels)))
    if name == "assignee":
        if value in {"me", "nobody"}:
            return Q(assignee=access.user if value == "me" else None)
        people = Membership.objects.filter(user__name__icontains=value).values_list("user_id", flat=True)
        return Q(assignee_id__in=list(people[:_NAMES]))
    if name == "has":
        if value == "note":
            return Q(Exists(Note.objects.filter(conversation=OuterRef("id"))))
        there = Message.objects.filter(conversation=OuterRef("id"), deleted_at=None)
        return Q(Exists(there.exclude(state=Message.State.WITHDRAWN).exclude(attachments=[])))
    if name == "is":
        return _is(value, access)
    return Q(**{name: value})


def _is(value: str, access: Access) -> Q:
    status = Conversation.Status
    return {
        "open": Q(status=status.OPEN),
        "snoozed": Q(status=status.SNOOZED),
        "closed": Q(status=status.CLOSED),
        "unread": Q(unread__gt=0),
        "unassigned": Q(assignee=None),
        "mine": Q(assignee=access.user),
        "late": Q(status=status.OPEN, sla_due_at__lte=now() + timedelta()),
        "failed": Q(failed_sends__gt=0),
        "unmatched": Q(lead=None),
        "urgent": Q(priority__gt=0),
    }[value]
