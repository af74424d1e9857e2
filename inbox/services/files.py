"""Files of messages: what came with theirs, what goes with ours, and which are neither taken nor shown."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from inbox.file_types import DOWNLOAD, clean_name, ending_of, is_risky, shown_type
from inbox.models import Conversation, FileContent, Message, MessageFile
from inbox.services import threads
from integrations.errors import Disposition, ErrorKind, ProviderError
from integrations.models import OutboundMessage
from integrations.services import attachments
from integrations.values import Attachment, OutgoingAttachment
from project.core.clock import now
from project.core.ids import parse_uuid
from project.core.refusals import Invalid, Refused
from project.tenancy.models import User

#: Bytes of one file, and of all files of one reply: what mailboxes take with the encoding's third on top.
MAX_FILE: Final = 10 * 1024 * 1024
MAX_ALL: Final = 18 * 1024 * 1024
MAX_COUNT: Final = 10
#: Bytes of a received file that are fetched.
MAX_RECEIVED: Final = 25 * 1024 * 1024
#: How long a file that was attached to nothing is kept.
KEPT_UNSENT: Final = timedelta(days=14)


class FileRefused(Invalid):
    """The file is not taken; the message says why."""


class FileUnavailable(Refused):
    """A received file cannot be had; the message says why, and whether trying again helps."""

    status = 502
    default_code = "FILE_UNAVAILABLE"


class FileGone(FileUnavailable):
    """Nobody has the file any more."""

    status = 410
    default_code = "FILE_GONE"


@dataclass(frozen=True, slots=True)
class Shown:
    """A file's bytes, and the type that a browser may show it as; ``""``: download only."""

    name: str
    data: bytes
    shown_as: str


# --- ours -------------------------------------------------------------------------------------------


@transaction.atomic
def upload(*, conversation: Conversation, author: User, name: str, data: bytes) -> MessageFile:
    """Keep a file for the reply that ``author`` writes. Raises ``FileRefused`` by the policy for size and type."""
    name = clean_name(name)
    if conversation.channel == "sms":
        raise FileRefused("Text messages carry no files here. Send a link.", field="file")
    if not data:
        raise FileRefused(f"{name} is empty.", field="file")
    if len(data) > MAX_FILE:
        raise FileRefused(
            f"{name} has {_megabytes(len(data))}; at most {_megabytes(MAX_FILE)} can be attached. "
            "Send a link to it.",
            field="file",
        )
    if is_risky(name):
        raise FileRefused(
            f"Files that end in .{ending_of(name)} are not sent: mail servers take them for programs.",
            field="file",
        )
    # Files that come at the same time are counted one after the other.
    threads.locked(conversation.id)
    there = list(waiting(conversation_id=conversation.id, author=author))
    _check_all([*(row.size or 0 for row in there), len(data)])
    kind = shown_type(data) or mimetypes.guess_type(name)[0] or DOWNLOAD
    made: MessageFile = MessageFile.objects.create(
        conversation=conversation, uploaded_by=author, name=name, mime_type=kind[:120], size=len(data)
    )
    FileContent.objects.create(file=made, data=data)
    return made


def _check_all(sizes: Sequence[int]) -> None:
    """Raise ``FileRefused`` where files are more, or together bigger, than one reply carries."""
    if len(sizes) > MAX_COUNT:
        raise FileRefused(f"At most {MAX_COUNT} files go with one reply.", field="file")
    if sum(sizes) > MAX_ALL:
        raise FileRefused(f"All files of a reply together have at most {_megabytes(MAX_ALL)}.", field="file")


def waiting(*, conversation_id: UUID, author: User) -> Any:
    """The files that wait for the reply that ``author`` writes in a conversation."""
    return MessageFile.objects.filter(
        conversation_id=conversation_id, uploaded_by=author, message=None
    ).order_by("created_at", "id")


@transaction.atomic
def discard(*, file_id: UUID, author: User) -> None:
    """Take a file off a reply that has not been sent; harmless when it is gone."""
    MessageFile.objects.filter(id=file_id, uploaded_by=author, message=None).delete()


def take_over(
    *, file_ids: Sequence[UUID], author: User, conversation: Conversation, came_from: Conversation
) -> None:
    """Let files that were uploaded in one conversation go with a reply that leaves in another one."""
    if conversation.id != came_from.id:
        rows = waiting(conversation_id=came_from.id, author=author).filter(id__in=file_ids)
        rows.update(conversation=conversation, updated_at=now())


def attach(*, message: Message, file_ids: Sequence[UUID], author: User) -> list[MessageFile]:
    """Make waiting files those of a message. Raises ``FileRefused`` for too many, and for one that is not there."""
    rows = list(
        waiting(conversation_id=message.conversation_id, author=author)
        .select_for_update()
        .filter(id__in=file_ids)
    )
    if len(rows) != len(set(file_ids)):
        raise FileRefused("A file of this reply is gone. Attach it again.", field="files")
    _check_all([row.size or 0 for row in rows])
    MessageFile.objects.filter(id__in=[row.id for row in rows]).update(message=message, updated_at=now())
    message.attachments = [entry_of(row) for row in rows]
    return rows


def give_back(*, message: Message) -> None:
    """Let the files of a reply that was taken back wait for the next one."""
    MessageFile.objects.filter(message=message).update(message=None, updated_at=now())


def of_outbound(outbound: OutboundMessage) -> tuple[OutgoingAttachment, ...]:
    """Load the files that an outbox row names."""
    ids = [found for value in outbound.payload.get("files", ()) if (found := parse_uuid(str(value)))]
    rows = FileContent.objects.filter(file_id__in=ids).select_related("file").order_by("file__created_at")
    return tuple(
        OutgoingAttachment(
            name=row.file.name, mime_type=row.file.mime_type or DOWNLOAD, content=bytes(row.data)
        )
        for row in rows
    )


def sweep() -> int:
    """Delete files that were attached to nothing long ago (platform scope); return how many."""
    rows = MessageFile.objects.filter(message=None, created_at__lt=now() - KEPT_UNSENT)
    deleted: int = rows.delete()[0]
    return deleted


# --- theirs -----------------------------------------------------------------------------------------


def receive(*, message: Message, found: Iterable[Attachment]) -> None:
    """Note what came with a stored message; the bytes are fetched when somebody asks for them."""
    rows = [
        MessageFile(
            conversation=message.conversation,
            message=message,
            name=clean_name(item.name or _unnamed(item)),
            mime_type=item.mime_type[:120],
            size=item.size,
            state=MessageFile.State.GONE if item.unavailable else MessageFile.State.REMOTE,
            problem="The provider does not hand this file out." if item.unavailable else "",
            attachment_id=item.attachment_id[:200],
            content_id=item.content_id[:200],
        )
        for item in found
    ]
    if not rows:
        return
    MessageFile.objects.bulk_create(rows)
    message.attachments = [entry_of(row) for row in rows]
    message.save(update_fields=["attachments", "updated_at"])


def _unnamed(item: Attachment) -> str:
    ending = mimetypes.guess_extension(item.mime_type) or ""
    return f"{'picture' if item.kind == 'image' else item.kind or 'file'}{ending}"


def entry_of(row: MessageFile) -> dict[str, Any]:
    """What a message says of a file."""
    kind = "image" if row.mime_type.startswith("image/") else "file"
    entry = {
        "file_id": str(row.id),
        "name": row.name,
        "mime_type": row.mime_type,
        "size": row.size,
        "kind": kind,
    }
    return {**entry, "unavailable": True} if row.state == MessageFile.State.GONE else entry


def load(*, file: MessageFile) -> Shown:
    """Return a file, fetched from the provider the first time. Raises ``FileUnavailable``."""
    kept = FileContent.objects.filter(file=file).first()
    if kept is None:
        data = _fetch(file)
        _keep(file=file, data=data)
    else:
        data = bytes(kept.data)
    return Shown(file.name, data, "" if is_risky(file.name) else shown_type(data))


def _fetch(file: MessageFile) -> bytes:
    message = file.message
    if message is None or file.state == MessageFile.State.GONE:
        raise FileGone(file.problem or "This file is gone.")
    sender = message.conversation.sender
    try:
        return attachments.fetch(
            sender=sender,
            api_message_id=message.api_message_id,
            provider_message_id=message.provider_message_id,
            attachment_id=file.attachment_id,
            max_bytes=MAX_RECEIVED,
        )
    except ProviderError as error:
        if error.kind in {ErrorKind.NOT_FOUND, ErrorKind.UNSUPPORTED, ErrorKind.VALIDATION}:
            _lost(file=file, problem=error.message)
            raise FileGone(error.message) from error
        again = " Try again in a moment." if error.disposition is Disposition.RETRY_LATER else ""
        raise FileUnavailable(f"{error.message}{again}") from error


@transaction.atomic
def _keep(*, file: MessageFile, data: bytes) -> None:
    FileContent.objects.bulk_create([FileContent(file=file, data=data)], ignore_conflicts=True)
    MessageFile.objects.filter(id=file.id).update(
        state=MessageFile.State.STORED, size=len(data), problem="", updated_at=now()
    )


@transaction.atomic
def _lost(*, file: MessageFile, problem: str) -> None:
    MessageFile.objects.filter(id=file.id).update(
        state=MessageFile.State.GONE, problem=problem[:300], updated_at=now()
    )


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.0f}\u00a0MB" if size >= 1024 * 1024 else f"{size / 1024:.0f}\u00a0kB"
