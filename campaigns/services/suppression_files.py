"""Files of addresses and domains that must not be contacted: read, put on the list, and what was left out told."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from campaigns.imports import reading
from campaigns.models import Suppression
from campaigns.services import suppression
from integrations.models.connections import Channel
from project.core.clock import now
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.access import Access
from project.tenancy.models import User

MAX_BYTES: Final = 512 * 1024
#: Rows of one file: they are put on the list, and their leads marked, while the person waits.
MAX_ROWS: Final = 1_000
_VALUES: Final = ("value", "address", "email", "e-mail", "domain", "phone", "linkedin")


@dataclass(slots=True)
class Taken:
    """What became of a file: how many entries are on the list by it, and each row that was left out, with why."""

    added: int = 0
    errors: list[dict[str, str | int]] = field(default_factory=list)


def note_export(*, access: Access) -> None:
    """Note who took the list out as a file."""
    audit.record(actor=access.user, action="suppressions.exported")


@transaction.atomic
def take(*, client_id: UUID | None, file: UploadedFile[bytes], actor: User) -> Taken:
    """Put every good row of a CSV file on the list of a client, or of all (``None``).

    The column with the addresses is called ``value``, ``address``, ``email``, ``domain``, ``phone`` or ``linkedin``,
    else it is the first; ``channel``, ``reason`` and ``until`` are used if they are there, so that an exported list
    can be taken in again. What stands on the list already is never weakened. Raises ``Invalid`` for a file that is no
    CSV or too long.
    """
    body = file.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise Invalid(f"The file is larger than {MAX_BYTES // 1024} KB; split it.", field="file")
    try:
        shape = reading.detect(body[: reading.SAMPLE_BYTES])
        rows = list(reading.rows(io.BytesIO(body), shape))
    except reading.UnreadableFile as error:
        raise Invalid(str(error), field="file") from error
    if len(rows) > MAX_ROWS:
        raise Invalid(f"The file has more than {MAX_ROWS} rows; split it.", field="file")
    names = [name.strip().lower() for name in shape.headers]
    column = next((names.index(name) for name in _VALUES if name in names), 0)
    taken = Taken()
    for row in rows:
        given = dict(zip(names, row.cells, strict=False))
        value = _plain(row.cells[column] if len(row.cells) > column else "")
        try:
            if row.error:
                raise Invalid(row.error)
            _take(client_id, given, value, actor)
        except Invalid as refusal:
            taken.errors.append({"row": row.number, "value": value[:100], "reason": refusal.message})
        else:
            taken.added += 1
    audit.record(
        actor=actor,
        action="suppressions.imported",
        client_id=client_id,
        added=taken.added,
        left_out=len(taken.errors),
    )
    return taken


def _plain(cell: str) -> str:
    """A cell without the quote that keeps spreadsheets from running it."""
    text = cell.strip()
    return text[1:].strip() if text[:2] in {"'+", "'=", "'-", "'@"} else text


def _take(client_id: UUID | None, given: dict[str, str], value: str, actor: User) -> None:
    channel = given.get("channel", "").strip().lower() or _channel_of(value)
    channel = {"phone": "sms", "e-mail": "email"}.get(channel, channel)
    if channel not in Channel.values:
        raise Invalid("A channel is email, sms or linkedin.")
    is_domain = channel == Channel.EMAIL and "@" not in value[1:]
    suppression.suppress(
        client_id=client_id,
        channel=channel,
        value=suppression.normalized(channel, value, is_domain=is_domain),
        source=Suppression.Source.IMPORT,
        reason=_plain(given.get("reason", "")),
        is_domain=is_domain,
        expires_at=_until(given.get("until", "").strip()),
        actor=actor,
    )


def _channel_of(value: str) -> str:
    if "linkedin.com/" in value.lower():
        return Channel.LINKEDIN
    return Channel.SMS if value.startswith("+") else Channel.EMAIL


def _until(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid("An end is a day or a time such as 2030-05-01.") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment <= now():
        raise Invalid("Its end is over.")
    return moment
