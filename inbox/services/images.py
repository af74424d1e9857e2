"""Pictures that mails name: fetched for whoever asked to see them, from the public internet only."""

from __future__ import annotations

from typing import Final

import structlog

from project.core.http import HttpError, client_for

log = structlog.get_logger(__name__)

MAX_BYTES: Final = 5 * 1024 * 1024
_SECONDS: Final = 8.0


def fetch(url: str) -> bytes:
    """Return the bytes at an address; ``b""`` where there is no picture to be had. Private networks are never asked."""
    client = client_for("mail-pictures", timeout=_SECONDS, max_bytes=MAX_BYTES, breaker_key="mail-pictures")
    try:
        answer = client.request("GET", url, headers={"Accept": "image/*"})
    except HttpError as error:
        log.info("inbox.picture_not_fetched", reason=type(error).__name__)
        return b""
    return answer.content if answer.status_code == 200 else b""
