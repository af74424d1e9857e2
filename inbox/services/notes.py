"""Notes: never sent, able to call somebody's attention, and private unless they are shown to the client."""

from __future__ import annotations

import re
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from inbox.events import NoteAdded, NoteShownChanged
from inbox.models import Conversation, Note, ReplyDraft
from inbox.services import drafts, live, threads
from project.core.clock import now
from project.core.events import publish
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import Membership, Role, User

MAX_LENGTH: Final = 8000
MAX_MENTIONS: Final = 20
#: Pinned notes of a conversation: more of them would hide each other.
MAX_PINNED: Final = 5
_AT: Final = re.compile(r"(?<![\w@])@(?=\w)")
#: Mentions everybody who reads the client's conversations.
TEAM: Final = "team"
MAX_TEAM: Final = 200
_AT_TEAM: Final = re.compile(rf"(?<![\w@])@{TEAM}\b", re.IGNORECASE)
_SEES: Final = (Role.ADMIN, Role.MANAGER, Role.AGENT, Role.VIEWER)


def people_of(client_id: UUID) -> list[User]:
    """Members who read conversations of a client, by name: whom a note may mention."""
    members = (
        Membership.objects.filter(is_active=True, role__in=_SEES)
        .filter(Q(all_clients=True) | Q(client_links__client_id=client_id))
        .select_related("user")
        .order_by("user__name", "id")
        .distinct()
    )
    return [membership.user for membership in members]


def mentioned(text: str, people: list[User]) -> list[User]:
    """Whom a text mentions: ``@`` and a name, the longest that fits, or a first name that only one of them has."""
    found: dict[UUID, User] = {}
    names = _names(people)
    lowered = text.casefold()
    for mark in _AT.finditer(lowered):
        rest = lowered[mark.end() :]
        fitting = [
            name for name in names if rest.startswith(name) and not rest[len(name) : len(name) + 1].isalnum()
        ]
        if fitting:
            person = names[max(fitting, key=len)]
            found.setdefault(person.id, person)
    return list(found.values())[:MAX_MENTIONS]


def _names(people: list[User]) -> dict[str, User]:
    names: dict[str, User] = {}
    first: dict[str, list[User]] = {}
    for person in people:
        name = person.display_name.casefold()
        names[name] = person
        first.setdefault(name.split(" ")[0], []).append(person)
    for name, bearers in first.items():
        if len(bearers) == 1:
            names.setdefault(name, bearers[0])
    return names


@transaction.atomic
def add_note(
    *,
    conversation_id: UUID,
    author: User,
    body: str,
    show_to_client: bool = False,
    from_composer: bool = False,
) -> Note:
    """Add a note; the client's people see it only if ``show_to_client`` says so. ``from_composer``: it was the draft.

    Raises ``Invalid`` for empty or over-long text.
    """
    text = body.replace("\r\n", "\n").strip()
    if not text or len(text) > MAX_LENGTH:
        raise Invalid(f"A note has 1 to {MAX_LENGTH:,} characters.", field="body")
    conversation = threads.locked(conversation_id)
    threads.check_home(conversation)
    readers = people_of(conversation.client_id) if "@" in text else []
    people = mentioned(text, readers)
    names: list[dict[str, Any]] = [{"id": str(person.id), "name": person.display_name} for person in people]
    if _AT_TEAM.search(text):
        names.append({"id": None, "name": TEAM})
        people = [person for person in readers if person.id != author.id][:MAX_TEAM]
    note: Note = Note.objects.create(
        conversation=conversation,
        revision=threads.next_revision(conversation),
        author=author,
        body=text,
        mentions=names,
        shown_to_client_at=now() if show_to_client else None,
    )
    if from_composer:
        drafts.clear(conversation_id=conversation_id, author=author, mode=ReplyDraft.Mode.NOTE)
    live.entry_changed(conversation, "note", note.id)
    publish(NoteAdded(conversation=conversation, note=note, author=author, mentioned=tuple(people)))
    if show_to_client:
        audit.record(actor=author, action="note.shown_to_client", subject=conversation, note=str(note.id))
        publish(NoteShownChanged(conversation=conversation, note=note))
    return note


@transaction.atomic
def show_to_client(*, note_id: UUID, actor: User) -> Note:
    """Let the client's own people see a note, where they read replies at all. Harmless twice."""
    conversation, note = _locked(note_id)
    if note.shown_to_client_at is not None:
        return note
    note.shown_to_client_at = now()
    _changed(conversation, note, "shown_to_client_at", actor, "note.shown_to_client")
    publish(NoteShownChanged(conversation=conversation, note=note))
    return note


@transaction.atomic
def hide_from_client(*, note_id: UUID, actor: User) -> Note:
    """Keep a note to the team again. Raises ``Invalid`` for what somebody of the client wrote themselves."""
    conversation, note = _locked(note_id)
    if note.shown_to_client_at is None:
        return note
    if Membership.objects.filter(user_id=note.author_id, role=Role.CLIENT).exists():
        raise Invalid("The client's own people wrote this: they go on seeing it.")
    note.shown_to_client_at = None
    _changed(conversation, note, "shown_to_client_at", actor, "note.hidden_from_client")
    publish(NoteShownChanged(conversation=conversation, note=note))
    return note


@transaction.atomic
def pin(*, note_id: UUID, actor: User) -> Note:
    """Keep a note in sight beside its thread. Raises ``Invalid`` where ``MAX_PINNED`` are already."""
    conversation, note = _locked(note_id)
    if note.pinned_at is not None:
        return note
    if Note.objects.filter(conversation=conversation, pinned_at__isnull=False).count() >= MAX_PINNED:
        raise Invalid(f"{MAX_PINNED} notes are pinned here already. Take one down first.")
    note.pinned_at = now()
    return _changed(conversation, note, "pinned_at", actor, "note.pinned")


@transaction.atomic
def unpin(*, note_id: UUID, actor: User) -> Note:
    """Let a note be one among the others again."""
    conversation, note = _locked(note_id)
    if note.pinned_at is None:
        return note
    note.pinned_at = None
    return _changed(conversation, note, "pinned_at", actor, "note.unpinned")


def _locked(note_id: UUID) -> tuple[Conversation, Note]:
    conversation = threads.locked(Note.objects.values_list("conversation_id", flat=True).get(id=note_id))
    return conversation, Note.objects.select_related("author").get(id=note_id)


def _changed(conversation: Conversation, note: Note, field: str, actor: User, action: str) -> Note:
    note.save(update_fields=[field, "updated_at"])
    audit.record(actor=actor, action=action, subject=conversation, note=str(note.id))
    live.entry_changed(conversation, "note", note.id)
    return note


def pinned(conversation: Conversation) -> list[Note]:
    """The pinned notes of a conversation, the newest first."""
    rows = Note.objects.filter(conversation=conversation, pinned_at__isnull=False)
    return list(rows.select_related("author").order_by("-pinned_at")[:MAX_PINNED])
