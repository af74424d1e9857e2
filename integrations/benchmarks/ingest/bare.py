"""The baseline of single events: an ASGI callable on the same server that does nothing but insert the body."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

TABLE = "bench_ingest_bare"
_local = threading.local()
_workers = ThreadPoolExecutor(8)


def _insert(body: bytes) -> None:
    connection = getattr(_local, "connection", None)
    if connection is None:
        connection = _local.connection = psycopg.connect(os.environ["BENCH_DATABASE_URL"], autocommit=True)
    connection.execute(f"INSERT INTO {TABLE} (body) VALUES (%s)", (body,))  # noqa: S608 - a name of ours


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Insert the body of any POST, and answer 200."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = bool(message.get("more_body"))
    await asyncio.get_running_loop().run_in_executor(_workers, _insert, body)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
