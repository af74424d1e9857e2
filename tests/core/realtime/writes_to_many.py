"""An ASGI application for the test of the server: it writes texts both ways, more than a socket takes at once."""

from __future__ import annotations

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.test")
django.setup()

from project.core.realtime.protocol import WRITE_TEXT  # noqa: E402

TEXTS = 300
LENGTH = 40_000


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Accept, write numbered texts, close."""
    await receive()
    await send({"type": "websocket.accept"})
    write_text = scope["extensions"][WRITE_TEXT]
    for number in range(TEXTS):
        text = f"{number} ".ljust(LENGTH, "ä")
        if number % 7 == 3:
            await send({"type": "websocket.send", "text": text})
        else:
            write_text(text)
    await send({"type": "websocket.close", "code": 4409})
    write_text("after the close")
