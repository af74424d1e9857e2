"""Drafts: what somebody is writing lies on the server, with a version, so that it is there on every device."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from inbox.models import Conversation, ReplyDraft
from project.core.clock import now
from project.core.realtime import emit
from project.core.refusals import Invalid, Refused
from project.tenancy.models import User
from project.tenancy.streams import user_stream

MAX_LENGTH = 20_000
#: A draft that was touched this lately is being written.
FRESH: Final = timedelta(minutes=2)


class DraftConflict(Refused):
    """The draft was changed on another device since; ``draft`` is what it says there."""

    default_code = "DRAFT_CHANGED"

    def __init__(self, draft: ReplyDraft) -> None:
        super().__init__(
            "This draft was changed on another device. Nothing was overwritten.", version=draft.version
        )
        self.draft = draft


def draft_of(*, conversation_id: UUID, author: User) -> ReplyDraft | None:
    """What somebody is writing in a conversation, or ``None``."""
    found = _row(conversation_id, author)
    return found if found is not None and found.body else None


def _row(conversation_id: UUID, author: User) -> ReplyDraft | None:
    """Their row of a conversation: without a text it only remembers the version, which no other draft gets again."""
    found: ReplyDraft | None = ReplyDraft.objects.filter(
        conversation_id=conversation_id, author=author
    ).first()
    return found


def being_written(*, conversation_id: UUID, author: User) -> ReplyDraft | None:
    """The reply that somebody else began here before ``author`` did, and touched in the last ``FRESH``."""
    own = draft_of(conversation_id=conversation_id, author=author)
    rows = ReplyDraft.objects.filter(
        conversation_id=conversation_id, mode=ReplyDraft.Mode.REPLY, updated_at__gte=now() - FRESH
    ).exclude(Q(author=author) | Q(body=""))
    if own is not None:
        rows = rows.filter(created_at__lt=own.created_at)
    found: ReplyDraft | None = rows.select_related("author").order_by("created_at", "id").first()
    return found


@transaction.atomic
def save(
    *,
    conversation_id: UUID,
    author: User,
    body: str,
    mode: str = ReplyDraft.Mode.REPLY,
    sender_id: UUID | None = None,
    version: int | None = None,
    cc: str = "",
    bcc: str = "",
) -> ReplyDraft | None:
    """Keep what somebody is writing; an empty text takes the draft away and gives ``None``.

    ``version`` is the one that the writer's device has (0: none); raises ``DraftConflict`` if there is a newer one with
    another text, and ``Invalid`` for what is too long. Without ``version`` the last writer wins.
    """
    if mode not in ReplyDraft.Mode.values:
        raise Invalid("A draft is of a reply or a note.", field="mode")
    if len(body) > MAX_LENGTH:
        raise Invalid(f"A draft has at most {MAX_LENGTH:,} characters.", field="body")
    conversation = Conversation.objects.select_for_update(of=("self",)).get(id=conversation_id)
    draft = _row(conversation.id, author)
    if (
        draft is not None
        and draft.body
        and version is not None
        and version < draft.version
        and (draft.body, draft.mode) != (body, mode)
    ):
        raise DraftConflict(draft)
    if not body.strip():
        clear(conversation_id=conversation_id, author=author)
        return None
    if draft is None:
        draft = ReplyDraft(conversation=conversation, author=author, version=(version or 0) + 1)
    elif (draft.body, draft.mode, draft.sender_id, draft.cc, draft.bcc) == (body, mode, sender_id, cc, bcc):
        return draft
    else:
        draft.created_at = draft.created_at if draft.body else now()
        draft.version = max(draft.version, version or 0) + 1
    draft.body, draft.mode, draft.sender_id, draft.cc, draft.bcc = body, mode, sender_id, cc, bcc
    draft.save()
    _tell(conversation_id, author, version=draft.version, mode=draft.mode, body=draft.body, cc=cc, bcc=bcc)
    return draft


@transaction.atomic
def clear(*, conversation_id: UUID, author: User, mode: str = "") -> None:
    """The draft was sent, or thrown away. With ``mode`` only one of that mode: a half-written reply outlives a note."""
    rows = ReplyDraft.objects.filter(conversation_id=conversation_id, author=author)
    draft = (rows.filter(mode=mode) if mode else rows).exclude(body="").select_for_update().first()
    if draft is not None:
        draft.body, draft.cc, draft.bcc, draft.sender_id = "", "", "", None
        draft.version += 1
        draft.save()
        _tell(conversation_id, author, version=draft.version, mode=draft.mode, body="", cc="", bcc="")


@transaction.atomic
def give_back(
    *,
    conversation_id: UUID,
    author: User,
    body: str,
    mode: str = ReplyDraft.Mode.REPLY,
    cc: str = "",
    bcc: str = "",
) -> None:
    """Put a text that was not sent before whatever its author is writing now. A note among them makes both a note."""
    there = draft_of(conversation_id=conversation_id, author=author)
    text = f"{body}\n\n{there.body}" if there is not None and there.body.strip() != body.strip() else body
    save(
        conversation_id=conversation_id,
        author=author,
        body=text[:MAX_LENGTH],
        mode=ReplyDraft.Mode.NOTE
        if ReplyDraft.Mode.NOTE in {mode, there.mode if there is not None else mode}
        else ReplyDraft.Mode.REPLY,
        sender_id=there.sender_id if there is not None else None,
        cc=there.cc if there is not None else cc,
        bcc=there.bcc if there is not None else bcc,
    )


def _tell(conversation_id: UUID, author: User, **data: Any) -> None:
    emit(
        stream=user_stream(author.id),
        kind="draft.changed",
        subject=("draft", conversation_id),
        data={"conversation": str(conversation_id), **data},
    )
